"""Smaller resolutions: exact means, computed once, with little memory, and robust against errors."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gancli.data import cache as packed_cache
from gancli.data import resolutions
from gancli.data.resolutions import build_levels
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError, DiskError

FINGERPRINT = "f" * 64


def packed_of(images: np.ndarray) -> PackedDataset:
    spec = DataSpec(channels=images.shape[1], height=images.shape[2], width=images.shape[3])
    return PackedDataset.of_images(images=images, labels=None, spec=spec, fingerprint=FINGERPRINT)


def noise(count: int = 5, shape: tuple[int, int, int] = (3, 8, 12)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.fixture
def mapped() -> PackedDataset:
    """Return a dataset in the cache, opened like packed images."""
    images = noise()
    with packed_cache.Writer(FINGERPRINT, images.shape[1:]) as writer:
        for image in images:
            writer.append(image)
        entry = writer.commit(())
    return packed_of(entry.images)


def means_of(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Compute the means directly, in float64."""
    count, channels, rows, columns = images.shape
    blocks = images.reshape(count, channels, height, rows // height, width, columns // width)
    return np.rint(blocks.mean((3, 5), dtype=np.float64)).astype(np.uint8)


def entries(cache: Path) -> set[str]:
    return {path.name for path in (cache / "packed").iterdir()}


@given(data=st.data())
def test_levels_are_means_of_blocks(data: st.DataObject) -> None:
    height, width = data.draw(st.sampled_from([(8, 12), (6, 6), (1, 30), (16, 16)]))
    images = noise(2, (1, height, width))
    dividing = st.tuples(
        st.sampled_from([n for n in range(1, height + 1) if height % n == 0]),
        st.sampled_from([n for n in range(1, width + 1) if width % n == 0]),
    )
    sizes = data.draw(st.lists(dividing, max_size=4))
    levels = build_levels(packed_of(images), sizes)
    assert set(levels) == {*sizes, (height, width)}
    for size, level in ((size, level["image"]) for size, level in levels.items()):
        assert level.dtype == np.uint8
        assert np.array_equal(level, means_of(images, *size))


def test_means_are_rounded_to_the_nearest_and_from_halfway_to_the_even() -> None:
    blocks = [[0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 2, 2], [255, 255, 255, 254], [255, 255, 254, 254]]
    images = np.array(blocks, dtype=np.uint8).reshape(6, 1, 2, 2)
    assert build_levels(packed_of(images), [(1, 1)])[1, 1]["image"].ravel().tolist() == [0, 0, 1, 2, 255, 254]


def test_no_level_is_made_of_rounded_ones() -> None:
    """Means of 0.25 would round to 0 in between, but the average of four 2x2 blocks with a 3 is 0.9375."""
    image = np.zeros((4, 4), dtype=np.uint8)
    image[::2, ::2] = 1
    image[0, 0] = 12
    levels = build_levels(packed_of(image[None, None]), [(2, 2), (1, 1)])
    assert levels[2, 2]["image"].ravel().tolist() == [3, 0, 0, 0]
    assert levels[1, 1]["image"].item() == 1
    assert np.array_equal(levels[1, 1]["image"], build_levels(packed_of(image[None, None]), [(1, 1)])[1, 1]["image"])


def test_large_blocks_are_exact() -> None:
    image = np.full((1, 1, 512, 512), 255, dtype=np.uint8)
    image[..., :256, :] = 254
    image[..., 0, 0] = 255  # the sum of blocks exceeds the exact integers of float32
    assert build_levels(packed_of(image), [(1, 1)])[1, 1]["image"].item() == 255


def test_one_resolution_costs_nothing() -> None:
    packed = packed_of(noise())
    for asked in ([], [None], [(8, 12), None]):
        levels = build_levels(packed, asked)
        assert list(levels) == [(8, 12)]
        assert levels[8, 12]["image"] is packed.images


@pytest.mark.parametrize("resolution", [(3, 12), (16, 24), (8, 5)])
def test_resolutions_that_do_not_divide(resolution: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"8x12 cannot be reduced to .* by whole numbers"):
        build_levels(packed_of(noise()), [resolution])


def test_points_have_no_levels() -> None:
    points = np.zeros((7, 2, 1, 1), dtype=np.float32)
    spec = DataSpec(channels=2, height=1, width=1, kind="points")
    packed = PackedDataset.of_images(images=points, labels=None, spec=spec, fingerprint="")
    assert build_levels(packed, [(1, 1), None])[1, 1]["image"] is points
    with pytest.raises(DataError, match="whole numbers"):
        build_levels(packed, [(2, 2)])


def test_data_in_memory_touch_no_disk(cache: Path) -> None:
    build_levels(packed_of(noise()), [(4, 6)])
    assert not cache.exists()


def test_mapped_data_have_mapped_levels_which_are_made_once(
    mapped: PackedDataset, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[list[tuple[int, int]]] = []
    average = resolutions._average

    def counted(packed: PackedDataset, sizes: list[tuple[int, int]], *rest: object) -> None:
        computed.append(sizes)
        average(packed, sizes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(resolutions, "_average", counted)
    for asked in ([(4, 6)], [(4, 6)], [(4, 6), (2, 3), None]):
        levels = build_levels(mapped, asked)
        for size in filter(None, asked):
            assert isinstance(levels[size]["image"], np.memmap)
            assert not levels[size]["image"].flags.writeable
            assert np.array_equal(levels[size]["image"], means_of(mapped.images, *size))
    assert computed == [[(4, 6)], [(2, 3)]]
    assert entries(cache) == {FINGERPRINT, f"{FINGERPRINT}-4x6", f"{FINGERPRINT}-2x3"}


@pytest.mark.parametrize("harm", ["truncated", "no meta", "other shape", "half written"])
def test_a_damaged_level_is_made_again(mapped: PackedDataset, cache: Path, harm: str) -> None:
    build_levels(mapped, [(4, 6)])
    level = cache / "packed" / f"{FINGERPRINT}-4x6"
    if harm == "truncated":
        content = (level / "images.npy").read_bytes()
        (level / "images.npy").write_bytes(content[: len(content) // 2])
    elif harm == "no meta":
        (level / "meta.json").unlink()
    elif harm == "other shape":
        build_levels(mapped, [(2, 3)])
        shutil.rmtree(level)
        (cache / "packed" / f"{FINGERPRINT}-2x3").rename(level)
    else:
        level.rename(level.with_name(f".{FINGERPRINT}-4x6.1.part"))
    levels = build_levels(mapped, [(4, 6)])
    assert isinstance(levels[4, 6]["image"], np.memmap)
    assert np.array_equal(levels[4, 6]["image"], means_of(mapped.images, 4, 6))


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    written: list[int] = []

    def append(self: object, image: np.ndarray) -> None:
        if len(written) == after:
            raise OSError(28, "No space left on device")
        written.append(1)

    monkeypatch.setattr("gancli.data.cache.Writer.append", append)


@pytest.mark.parametrize("after", [0, 3])
def test_r6_on_a_full_disk_small_levels_are_kept_in_memory(
    mapped: PackedDataset, cache: Path, after: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill_the_disk(monkeypatch, after)
    with caplog.at_level(logging.WARNING, logger="gancli"):
        levels = build_levels(mapped, [(4, 6), (2, 3)])
    assert "keeping reduced images in memory" in caplog.text
    for size in [(4, 6), (2, 3)]:
        assert np.array_equal(levels[size]["image"], means_of(mapped.images, *size))
    assert entries(cache) == {FINGERPRINT}


def test_r6_on_a_full_disk_large_levels_end_the_run(
    mapped: PackedDataset, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk(monkeypatch, 3)
    monkeypatch.setattr("gancli.data.resolutions.fits_in_memory", lambda size: False)
    with pytest.raises(DiskError, match=r"No space left on device.*GANCLI_CACHE"):
        build_levels(mapped, [(4, 6)])
    assert entries(cache) == {FINGERPRINT}


def test_memory_is_bounded_by_the_block(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count, shape = 400, (3, 64, 64)
    with packed_cache.Writer(FINGERPRINT, shape) as writer:
        for number in range(count):
            writer.append(np.full(shape, number % 256, dtype=np.uint8))
        packed = packed_of(writer.commit(()).images)
    block = 2 * 3 * 64 * 64
    monkeypatch.setattr(resolutions, "_BLOCK", block)
    tracemalloc.start()
    levels = build_levels(packed, [(32, 32), (4, 4)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * block + 200_000  # the level of 32x32 alone takes 1.2 MB, of the data 4.9 MB
    assert levels[4, 4]["image"][:, 0, 0, 0].tolist() == [number % 256 for number in range(count)]


def test_progress_is_told_only_while_there_is_something_to_do(
    mapped: PackedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolutions, "_BLOCK", 2 * 3 * 8 * 12)
    for expected in ([(2, 5), (4, 5), (5, 5)], []):
        seen: list[tuple[int, int]] = []
        build_levels(mapped, [(4, 6)], lambda done, total, seen=seen: seen.append((done, total)))
        assert seen == expected


def test_two_processes_at_once(mapped: PackedDataset, cache: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=build_levels, args=(mapped, [(4, 6), (2, 3)])) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert entries(cache) == {FINGERPRINT, f"{FINGERPRINT}-4x6", f"{FINGERPRINT}-2x3"}
    assert np.array_equal(build_levels(mapped, [(4, 6)])[4, 6]["image"], means_of(mapped.images, 4, 6))
