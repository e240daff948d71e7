"""The cache of packed images: damaged entries are found and written again, and the living keep what they write."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gancli.data import cache as packed_cache
from gancli.data.cache import Writer, check_verified, load
from gancli.errors import DataError

SHAPE = (3, 16, 16)
COUNT = 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path))
    monkeypatch.setattr(packed_cache, "BLOCK_BYTES", 1_000)  # the last block is shorter
    return tmp_path / "packed"


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8)


def write(name: str, seed: int = 0) -> np.ndarray:
    content = images(seed)
    with Writer(name, SHAPE) as writer:
        for image in content:
            writer.append(image)
        writer.commit((3,))
    return content


def test_an_entry_is_what_was_written(cache: Path) -> None:
    content = write("a")
    entry = load("a")
    assert entry is not None
    assert np.array_equal(entry.images, content)
    assert entry.unreadable == (3,)
    assert [path.name for path in cache.iterdir()] == ["a"]


def empty(entry: Path) -> None:
    os.truncate(entry / "images.npy", 0)


def short(entry: Path) -> None:
    os.truncate(entry / "images.npy", 1_000)


def long(entry: Path) -> None:
    with open(entry / "images.npy", "ab") as handle:
        handle.write(b"x")


def pixel(entry: Path) -> None:
    flip(entry, -1)


def first_pixel(entry: Path) -> None:
    flip(entry, 128)


def flip(entry: Path, place: int) -> None:
    content = bytearray((entry / "images.npy").read_bytes())
    content[place] ^= 1
    (entry / "images.npy").write_bytes(content)


def header(entry: Path) -> None:
    flip(entry, 30)


def swapped(entry: Path) -> None:
    write("other", seed=1)
    (entry.with_name("other") / "images.npy").replace(entry / "images.npy")


def no_array(entry: Path) -> None:
    (entry / "images.npy").unlink()


def pipe(entry: Path) -> None:
    (entry / "images.npy").unlink()
    os.mkfifo(entry / "images.npy")


def away(entry: Path) -> None:
    (entry / "images.npy").rename(entry.parent.parent / "moved.npy")
    (entry / "images.npy").symlink_to(entry.parent.parent / "moved.npy")


def meta(**changes: object) -> Callable[[Path], None]:
    def change(entry: Path) -> None:
        values = json.loads((entry / "meta.json").read_text())
        (entry / "meta.json").write_text(json.dumps({**values, **changes}))

    return change


def text(content: str) -> Callable[[Path], None]:
    return lambda entry: (entry / "meta.json").write_text(content) and None


DAMAGE: dict[str, Callable[[Path], None]] = {
    "an empty array": empty,
    "a short array": short,
    "a longer array": long,
    "the last pixel": pixel,
    "the first pixel": first_pixel,
    "the header": header,
    "the array of another entry": swapped,
    "no array": no_array,
    "a pipe": pipe,
    "a link out of the cache": away,
    "no JSON": text("{"),
    "a list": text("[]"),
    "a number": text("3"),
    "deep JSON": text("[" * 100_000),
    "no text": text(""),
    "an entry without hashes": meta(version=None, hashes=None),
    "an entry of a later version": meta(version=3),
    "no hashes": meta(hashes=[]),
    "hashes that are a number": meta(hashes=3),
    "a negative shape": meta(shape=[-1, 3, 16, 16]),
    "a shape of text": meta(shape="large"),
    "an enormous shape": meta(shape=[10**30, 3, 16, 16]),
    "another shape": meta(shape=[COUNT, 16, 3, 16]),
    "unreadable rows of text": meta(unreadable=["x"]),
    "sizes that do not fit": meta(sizes=[[4, 4]], channels=3),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_missing_and_written_again(
    cache: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    content = write("a")
    DAMAGE[damage](cache / "a")
    with caplog.at_level(logging.WARNING):
        assert load("a") is None
    (record,) = caplog.records
    assert record.getMessage().startswith(f"the cached images {cache / 'a'} are damaged and will be written again (")
    write("a")
    entry = load("a")
    assert entry is not None
    assert np.array_equal(entry.images, content)


def wait_for_verification() -> None:
    deadline = time.monotonic() + 60
    while any(thread.name == "gancli-cache" for thread in packed_cache.threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_large_entry_is_verified_in_the_background(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write("a")
    monkeypatch.setattr(packed_cache, "VERIFIED_AT_ONCE", 1_000)
    assert load("a") is not None
    wait_for_verification()
    check_verified()
    pixel(cache / "a")
    entry = load("a")
    assert entry is not None  # damaged, but that takes a while to find
    wait_for_verification()
    with pytest.raises(
        DataError, match=r"the cached images .*/a have changed since they were packed, and were removed"
    ):
        check_verified()
    check_verified()  # said once
    assert load("a") is None
    assert entry.images.shape == content.shape  # whoever has opened it keeps its map


@pytest.mark.parametrize("damage", [empty, short, long])
def test_a_large_entry_of_another_size_is_found_at_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    write("a")
    monkeypatch.setattr(packed_cache, "VERIFIED_AT_ONCE", 1_000)
    damage(cache / "a")
    assert load("a") is None


def test_training_saves_nothing_that_was_trained_on_damaged_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gancli.testing.contract import FamilyContract

    class Perceptrons(FamilyContract):
        family = "gan"
        model = {"generator_widths": [16], "discriminator_widths": [16]}

    trainer = Perceptrons().trainer(tmp_path / "run", images=48, checkpoint_every=16)
    trainer.train()
    trainer.state.images += 16
    monkeypatch.setattr(packed_cache, "_damaged", ["/cache/packed/a"])
    with pytest.raises(DataError, match="what was trained on them since the last checkpoint is not saved"):
        trainer.save()
    assert trainer.run.saved()[0] == 48


def pack_forever(name: str, started: object) -> None:
    with Writer(name, SHAPE) as writer:
        writer.append(images()[0])
        started.set()  # type: ignore[attr-defined]
        time.sleep(60)


@pytest.mark.parametrize("age", [0, 3 * 24 * 3600])
def test_what_a_living_process_writes_stays_and_what_a_dead_one_has_left_goes(cache: Path, age: int) -> None:
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=pack_forever, args=("slow", started))
    process.start()
    assert started.wait(30)
    (part,) = cache.glob(".slow.*.part")
    os.utime(part, (time.time() - age, time.time() - age))
    write("a")
    assert part.is_dir()
    process.kill()
    process.join()
    write("b")
    assert not part.exists()
    assert sorted(path.name for path in cache.iterdir()) == ["a", "b"]


def test_two_processes_that_write_one_entry_both_have_it(cache: Path) -> None:
    content = images()
    with Writer("a", SHAPE) as first, Writer("a", SHAPE) as second:
        for image in content:
            first.append(image)
            second.append(image)
        entries = [writer.commit(()) for writer in (first, second)]
    for entry in entries:
        assert np.array_equal(entry.images, content)
    assert [path.name for path in cache.iterdir()] == ["a"]


def test_an_entry_is_synced_before_and_after_it_gets_its_name(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_sync, real_rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
        order.append("part" if name.endswith(".part") else name)
        real_sync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    write("a")
    assert order == ["images.npy", "meta.json", "part", "rename", "packed"]


def test_a_failed_write_leaves_nothing(cache: Path) -> None:
    with pytest.raises(OSError, match="full"), Writer("a", SHAPE):
        raise OSError(28, "full")
    assert list(cache.iterdir()) == []
