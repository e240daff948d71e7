"""Source `folder`: layouts, cache, and unreadable files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from gancli.data import pack
from gancli.data.dataset import open_dataset, open_source
from gancli.data.sources.config import FolderConfig
from gancli.data.sources.folder import FolderSource
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.files import cache_folder

Save = Callable[..., Path]
Config = Callable[..., FolderConfig]


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every decoded image adds an item."""
    calls: list[int] = []
    real = decode.decode

    def counting(*args: object, **options: object) -> object:
        calls.append(1)
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(decode, "decode", counting)
    return calls


def test_loose_images_have_no_labels(root: Path, save: Save, config: Config) -> None:
    save(root / "b.png", colour=2)
    save(root / "a.PNG", colour=1)
    packed = open_dataset(config())
    assert packed.images.shape == (2, 3, 8, 8)
    assert packed.images[:, 0, 0, 0].tolist() == [1, 2]  # sorted by name
    assert packed.labels is None
    assert packed.spec.labels == ()
    assert not packed.images.flags.writeable


def test_subfolders_are_labels_at_any_depth(root: Path, save: Save, config: Config) -> None:
    save(root / "dog" / "1.png", colour=1)
    save(root / "cat" / "deep" / "er" / "2.png", colour=2)
    save(root / "cat" / "3.png", colour=3)
    save(root / ".hidden" / "4.png")
    (root / "empty").mkdir()
    (root / "notes").mkdir()
    (root / "notes" / "a.txt").write_text("")
    packed = open_dataset(config())
    assert packed.spec.labels == ("cat", "dog")
    assert {int(i[0, 0, 0]): packed.spec.labels[n] for i, n in zip(packed.images, packed.labels, strict=True)} == {
        1: "dog",
        2: "cat",
        3: "cat",
    }


def test_loose_images_beside_subfolders_are_refused(root: Path, save: Save, config: Config) -> None:
    save(root / "cat" / "1.png")
    save(root / "2.png")
    with pytest.raises(DataError, match=r"directly \(2.png\) and in subfolders \(cat\)"):
        open_dataset(config())


def test_splits(root: Path, save: Save, config: Config) -> None:
    save(root / "train" / "b" / "1.png", colour=1)
    save(root / "val" / "a" / "2.png", colour=2)
    save(root / "val" / "b" / "3.png", colour=3)
    values = {split: open_dataset(config(split=split)) for split in ("train", "test", "all")}
    assert values["train"].images[:, 0, 0, 0].tolist() == [1]
    assert values["train"].labels.tolist() == [1]
    assert values["test"].labels.tolist() == [0, 1]
    assert values["all"].images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert {packed.spec.labels for packed in values.values()} == {("a", "b")}


def test_no_test_split(root: Path, save: Save, config: Config) -> None:
    save(root / "train" / "1.png")
    assert open_dataset(config()).spec.labels == ("train",)
    with pytest.raises(DataError, match="no test split"):
        open_dataset(config(split="test"))


def test_classes_and_limit(root: Path, save: Save, config: Config) -> None:
    for label in ("ant", "bee", "cow", "10"):
        for number in range(3):
            save(root / label / f"{number}.png", colour=number)
    packed = open_dataset(config(classes=("cow", "ant"), limit=4))
    assert packed.spec.labels == ("ant", "cow")
    assert packed.labels.tolist() == [0, 0, 0, 1]
    assert open_dataset(config(classes=(1, 10))).spec.labels == ("10", "ant")  # by index; by a name that is a number
    with pytest.raises(DataError, match="did you mean 'bee'"):
        open_dataset(config(classes=("beee",)))
    with pytest.raises(DataError, match="no label 4"):
        open_dataset(config(classes=(4,)))


def test_classes_without_labels(root: Path, save: Save, config: Config) -> None:
    save(root / "1.png")
    with pytest.raises(DataError, match="no labels"):
        open_dataset(config(classes=(0,)))


def test_sizes_and_channels(root: Path, save: Save, config: Config) -> None:
    save(root / "1.png", size=(8, 12), mode="L")
    save(root / "2.png", size=(8, 12), mode="L")
    assert open_dataset(config()).spec.shape == (1, 8, 12)
    save(root / "3.png", size=(8, 12))
    assert open_dataset(config()).spec.shape == (3, 8, 12)
    save(root / "4.png", size=(9, 12))
    with pytest.raises(DataError, match=r"set data\.resolution"):
        open_dataset(config())
    assert open_dataset(config(resolution=16)).spec.shape == (3, 16, 16)
    assert open_dataset(config(resolution=(4, 6), channels=4)).spec.shape == (4, 4, 6)


def test_missing_empty_and_not_a_folder(root: Path, save: Save, config: Config) -> None:
    with pytest.raises(DataError, match="has no images") as caught:
        open_dataset(config())
    assert str(root) in str(caught.value)
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(FolderConfig(source="folder", root=root / "nothing"))
    with pytest.raises(DataError, match="is not a folder"):
        open_dataset(FolderConfig(source="folder", root=save(root / "1.png")))


def test_unreadable_images(root: Path, save: Save, config: Config) -> None:
    for number in range(4):
        save(root / f"{number}.png", size=(40, 40), colour=number)
    truncate(root / "1.png")
    (root / "3.png").write_text("no image")
    (root / "notes.txt").write_text("ignored")
    for options in ({}, {"resolution": 8, "channels": 3}):
        with pytest.raises(DataError) as caught:
            open_dataset(config(**options))
        text = str(caught.value)
        assert text.startswith(str(root / "1.png"))
        for part in ("(and 1 more)", "data.unreadable=skip", "gan data check", "truncated"):
            assert part in text
        packed = open_dataset(config(unreadable="skip", **options))
        assert packed.images[:, 0, 0, 0].tolist() == [0, 2]
    survey = FolderSource(config()).survey()
    assert survey.count == 2
    assert [Path(name).name for name, _ in survey.unreadable] == ["1.png", "3.png"]
    assert survey.ignored == ("notes.txt",)


def test_labels_follow_when_images_are_skipped(
    root: Path, save: Save, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    for label in ("a", "b"):
        for number in range(2):
            save(root / label / f"{number}.png", size=(40, 40))
    truncate(root / "a" / "0.png")
    assert open_dataset(config(unreadable="skip")).labels.tolist() == [0, 1, 1]
    assert open_dataset(config(unreadable="skip")).labels.tolist() == [0, 1, 1]  # from the cache
    assert [record.message for record in caplog.records] == ["left out 1 unreadable images of 4"] * 2


def test_nothing_readable(root: Path, config: Config) -> None:
    (root / "1.png").write_text("no image")
    for options in ({}, {"resolution": 8, "channels": 3}):
        with pytest.raises(DataError, match=r"1.png cannot be read"):
            open_dataset(config(unreadable="skip", **options))
    assert FolderSource(config()).survey().count == 0


def test_survey(root: Path, save: Save, config: Config) -> None:
    save(root / "a" / "1.png", size=(8, 12))
    save(root / "a" / "2.png", size=(8, 12), mode="L")
    save(root / "b" / "3.png", size=(9, 12), mode="RGBA")
    save(root / "b" / "4.png", size=(8, 12), mode="I;16")
    survey = FolderSource(config(classes=("a",), limit=1)).survey()
    assert survey.sizes == {(8, 12): 3, (9, 12): 1}
    assert survey.channels == {1: 2, 3: 1, 4: 1}
    assert survey.bits == {8: 3, 16: 1}
    assert survey.labels == {"a": 2, "b": 2}


def test_links_in_circles_end(root: Path, save: Save, config: Config) -> None:
    save(root / "a" / "1.png")
    (root / "a" / "again").symlink_to(root)
    assert len(open_dataset(config()).images) == 1


def test_a_pipe_does_not_block(root: Path, save: Save, config: Config) -> None:
    save(root / "1.png")
    os.mkfifo(root / "2.png")
    assert len(open_dataset(config(unreadable="skip")).images) == 1


def test_s6_megapixels(root: Path, save: Save, config: Config) -> None:
    save(root / "1.png", size=(1100, 1000), mode="1")
    with pytest.raises(DataError, match="more than 1 megapixels"):
        open_dataset(config(max_megapixels=1, resolution=8))


def test_the_second_opening_decodes_nothing(
    root: Path, save: Save, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        save(root / f"{number}.png", colour=number)
    calls = decoded(monkeypatch)
    first = open_dataset(config())
    assert len(calls) == 3
    second = open_dataset(config())
    assert len(calls) == 3
    assert isinstance(second.images, np.memmap)
    assert np.array_equal(first.images, second.images)
    assert first.fingerprint == second.fingerprint


def test_whatever_changes_the_pixels_changes_the_fingerprint(root: Path, save: Save, config: Config) -> None:
    save(root / "1.png", size=(8, 12))
    save(root / "2.png", size=(8, 12))
    seen = {open_dataset(config(**options)).fingerprint for options in ({}, {"flip": True})}
    assert len(seen) == 1
    for options in ({"resolution": 8}, {"resolution": 8, "fit": "stretch"}, {"channels": 1}, {"limit": 1}):
        seen.add(open_dataset(config(**options)).fingerprint)
    save(root / "2.png", size=(8, 12), colour=3)
    os.utime(root / "2.png", ns=(1, 1))
    seen.add(open_dataset(config()).fingerprint)
    assert len(seen) == 6
    moved = root.rename(root.with_name("elsewhere"))
    seen.add(open_dataset(FolderConfig(source="folder", root=moved)).fingerprint)
    assert len(seen) == 6


def test_a_damaged_cache_is_built_again(
    root: Path, save: Save, config: Config, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(root / "1.png", colour=7)
    expected = open_dataset(config())
    calls = decoded(monkeypatch)
    for name in ("images.npy", "meta.json"):
        truncate(cache / "packed" / expected.fingerprint / name)
        assert open_dataset(config()).images[0, 0, 0, 0] == 7
    (cache / "packed" / expected.fingerprint / "meta.json").unlink()
    assert open_dataset(config()).images[0, 0, 0, 0] == 7
    assert len(calls) == 3
    assert [path.name for path in (cache / "packed").iterdir()] == [expected.fingerprint]


@pytest.mark.parametrize("after", [0, 2])
def test_r6_a_full_disk_stops_no_training(
    root: Path, save: Save, config: Config, cache: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        save(root / f"{number}.png", size=(40, 40), colour=number)
    truncate(root / "1.png")
    written: list[int] = []

    def append(self: object, image: np.ndarray) -> None:
        if len(written) == after:
            raise OSError(28, "No space left on device")
        written.append(1)

    monkeypatch.setattr("gancli.data.cache.Writer.append", append)
    packed = open_dataset(config(unreadable="skip"))
    assert packed.images[:, 0, 0, 0].tolist() == [0, 2, 3]
    assert list((cache / "packed").iterdir()) == []


def test_a_cache_that_cannot_be_written(
    root: Path, save: Save, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(root / "1.png", colour=7)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "file"))
    assert open_dataset(config()).images[0, 0, 0, 0] == 7


def test_two_processes_pack_at_once(root: Path, cache: Path) -> None:
    from gancli.data.cache import Writer, load

    image = np.full((1, 2, 2), 5, dtype=np.uint8)
    with Writer("f", (1, 2, 2)) as writer:
        writer.append(image)
        other = Writer("f", (1, 2, 2))
        other._temporary = other._temporary.with_name(".f.other.part")
        with other:
            other.append(image)
            other.commit(())
        entry = writer.commit(())
    assert np.array_equal(entry.images[0], image)
    assert load("f") is not None
    assert [path.name for path in (cache / "packed").iterdir()] == ["f"]


def test_progress(root: Path, save: Save, config: Config) -> None:
    for number in range(pack._CHUNK + 2):
        save(root / f"{number:03}.png")
    seen: list[tuple[int, int]] = []
    open_dataset(config(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(pack._CHUNK, pack._CHUNK + 2), (pack._CHUNK + 2, pack._CHUNK + 2)]


def test_many_images_keep_their_order(root: Path, config: Config) -> None:
    values = np.random.default_rng(0).integers(0, 256, (pack._CHUNK * 2 + 5, 6, 7), dtype=np.uint8)
    for number, image in enumerate(values):
        Image.fromarray(image).save(root / f"{number:04}.png")
    packed = open_dataset(config())
    assert np.array_equal(packed.images[:, 0], values)


def test_the_cache_header_is_numpys(cache: Path) -> None:
    from gancli.data.cache import Writer

    for count in (1, 12345):
        with Writer(f"n{count}", (3, 1, 2)) as writer:
            for number in range(count):
                writer.append(np.full((3, 1, 2), number % 256, dtype=np.uint8))
            writer.commit(())
        images = np.load(cache / "packed" / f"n{count}" / "images.npy")
        assert images.shape == (count, 3, 1, 2)
        assert (images[-1] == (count - 1) % 256).all()


def test_the_cache_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANCLI_CACHE")
    assert cache_folder().name == "gancli"


def test_real_photographs(shared: Path) -> None:
    packed = open_dataset(FolderConfig(source="folder", root=shared / "nuclei" / "images", resolution=32))
    assert packed.images.shape == (100, 4, 32, 32)
    assert (packed.images[:, 3] == 255).all()


def test_the_range_of_twelve_bits(root: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, largest in (("a", 4095), ("b", 2048)):
        values = np.array([[0, largest]], dtype=np.uint16)
        Image.fromarray(values).save(root / f"{name}.png")
    expected = {"full": [0, 16, 0, 8], "auto": [0, 255, 0, 255], (0, 4095): [0, 255, 0, 128]}
    for span, levels in expected.items():  # the entries of the cache must not be confused
        assert open_dataset(config(range=span)).images.ravel().tolist() == levels
    assert len({open_dataset(config(range=span)).fingerprint for span in expected}) == 3
    notes = open_source(config()).survey().notes
    assert notes == (
        f"{root / 'a.png'} and 1 more: only 12 of its 16 bits are used, up to 4095 of 65535; --range 0,4095 or "
        "data.range=[0,4095] scales it",
    )
    for span in ((1, 1), (2, 1), (0, np.inf), "half"):
        with pytest.raises(ValidationError):
            config(range=span)


def test_an_animation_is_noted(root: Path, config: Config) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (255, 0)]
    for name in ("a", "b"):
        frames[0].save(root / f"{name}.gif", save_all=True, append_images=frames[1:])
    (note,) = open_source(config()).survey().notes
    assert note == f"{root / 'a.gif'} and 1 more: only the first of its pages or frames is read"
    assert (open_dataset(config()).images == 255).all()
