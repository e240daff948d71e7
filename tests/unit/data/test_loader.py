"""Loader: order, restoring the position, and exact values of batches."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancli.data.loader import BatchGatherer, Loader
from gancli.data.resolutions import build_levels
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError

CPU = torch.device("cpu")


def numbered(count: int, *, labels: bool = True) -> PackedDataset:
    """Return images whose label is their own number."""
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 4, 6), dtype=np.uint8)
    names = tuple(str(number) for number in range(count)) if labels else ()
    return PackedDataset.of_images(
        images=images,
        labels=np.arange(count) if labels else None,
        spec=DataSpec(channels=1, height=4, width=6, labels=names),
        fingerprint="0",
    )


def loader(packed: PackedDataset, *, seed: int = 0, flip: bool = False, **options: object) -> Loader:
    keys = ("image",) if packed.labels is None else ("image", "label")
    return Loader(packed, keys=keys, seed=seed, device=CPU, flip=flip, **options)


def is_resident(packed: PackedDataset) -> bool:
    source = loader(packed)
    source.next_batch(1)
    return source.resident


def order(source: Loader, sizes: list[int]) -> list[int]:
    return [int(label) for size in sizes for label in source.next_batch(size)["label"]]


@given(
    count=st.integers(1, 30), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=8), seed=st.integers(0, 2**31 - 1)
)
def test_each_epoch_is_a_permutation_and_batch_sizes_do_not_matter(count: int, sizes: list[int], seed: int) -> None:
    packed = numbered(count)
    numbers = order(loader(packed, seed=seed), sizes)
    assert numbers == order(loader(packed, seed=seed), [1] * sum(sizes))
    for start in range(0, len(numbers), count):
        epoch = numbers[start : start + count]
        assert len(set(epoch)) == len(epoch)
        if len(epoch) == count:
            assert sorted(epoch) == list(range(count))


@given(count=st.integers(1, 30), before=st.integers(0, 100), size=st.integers(1, 50), flip=st.booleans())
def test_position_alone_restores(count: int, before: int, size: int, flip: bool) -> None:
    packed = numbered(count)
    straight, restored = loader(packed, flip=flip), loader(packed, flip=flip)
    if before:
        straight.next_batch(before)
    assert straight.position == before
    restored.position = before
    for _ in range(3):
        one, other = straight.next_batch(size), restored.next_batch(size)
        assert torch.equal(one["label"], other["label"])
        assert torch.equal(one["image"], other["image"])


def test_epochs_and_seeds_differ() -> None:
    packed = numbered(100)
    numbers = order(loader(packed), [100, 100])
    assert numbers[:100] != numbers[100:]
    assert numbers[:100] != order(loader(packed, seed=1), [100])


def test_the_order_is_the_published_one() -> None:
    """A changed order would break every resumed run (R2)."""
    assert order(loader(numbered(10), seed=7), [10, 4]) == [1, 5, 6, 0, 9, 7, 4, 2, 3, 8, 8, 0, 3, 1]


def test_conversion_is_exact_at_the_ends() -> None:
    images = np.array([0, 255, 51], dtype=np.uint8).reshape(3, 1, 1, 1)
    spec = DataSpec(channels=1, height=1, width=1)
    values = (
        loader(PackedDataset.of_images(images=images, labels=None, spec=spec, fingerprint=""))
        .next_batch(3)["image"]
        .flatten()
    )
    assert sorted(values.tolist())[::2] == [-1.0, 1.0]
    assert values.dtype == torch.float32
    assert sorted(values.tolist())[1] == pytest.approx(-0.6)


@pytest.mark.parametrize("resident", [True, False])
def test_points_are_delivered_as_they_are(resident: bool) -> None:
    points = np.random.default_rng(0).normal(0, 100, (7, 2, 1, 1)).astype(np.float32)
    names = tuple(str(number) for number in range(7))
    spec = DataSpec(channels=2, height=1, width=1, labels=names, kind="points")
    packed = PackedDataset.of_images(images=points, labels=np.arange(7), spec=spec, fingerprint="")
    batch = loader(packed, resident=resident).next_batch(7)
    assert batch["image"].dtype == torch.float32
    assert np.array_equal(batch["image"].numpy(), points[batch["label"].numpy()])


def test_batches_hold_the_images_of_their_labels() -> None:
    packed = numbered(20)
    batch = loader(packed).next_batch(50)
    expected = torch.from_numpy(packed.images[batch["label"].numpy()]).float() / 127.5 - 1
    torch.testing.assert_close(batch["image"], expected)
    assert batch["label"].dtype == torch.int64


def test_only_the_keys_asked_for() -> None:
    packed = numbered(5)
    assert set(Loader(packed, keys=("image",), seed=0, device=CPU).next_batch(2)) == {"image"}
    assert set(Loader(packed, keys=("label",), seed=0, device=CPU).next_batch(2)) == {"label"}


@pytest.mark.parametrize("key", ["label", "source"])
def test_a_key_that_the_data_lack(key: str) -> None:
    with pytest.raises(DataError, match=key):
        Loader(numbered(5, labels=False), keys=("image", key), seed=0, device=CPU)


def test_flips_mirror_half_of_the_images_anew_each_epoch() -> None:
    packed = numbered(400)
    plain, flipped = loader(packed), loader(packed, flip=True)
    patterns = []
    for _ in range(2):
        one, other = plain.next_batch(400), flipped.next_batch(400)
        assert torch.equal(one["label"], other["label"])  # flips do not disturb the order
        mirrored = (other["image"] == one["image"].flip(3)).flatten(1).all(1)
        assert torch.equal(other["image"][~mirrored], one["image"][~mirrored])
        assert 150 < mirrored.sum() < 250
        patterns.append(mirrored[one["label"].argsort()])
    assert not torch.equal(*patterns)


def levelled(packed: PackedDataset, *sizes: tuple[int, int], **options: object) -> Loader:
    return loader(packed, levels=build_levels(packed, sizes), **options)


@pytest.mark.parametrize("resident", [True, False])
def test_a_resolution_is_read_from_its_level(resident: bool) -> None:
    packed = numbered(6)
    source = levelled(packed, (2, 3), (1, 6), resident=resident)
    for size in [(2, 3), (4, 6), (1, 6), None, (2, 3)]:
        height, width = size or (4, 6)
        batch = source.next_batch(6, size)
        blocks = packed.images[batch["label"].numpy()].reshape(6, 1, height, 4 // height, width, 6 // width)
        expected = np.rint(blocks.mean((3, 5))) / 127.5 - 1
        torch.testing.assert_close(batch["image"], torch.from_numpy(expected).float())
        assert source.resident is resident


def test_a_resolution_without_a_level() -> None:
    with pytest.raises(DataError, match="no images of 2x3"):
        loader(numbered(6)).next_batch(1, (2, 3))


SIZES = st.sampled_from([None, (4, 6), (2, 3), (1, 1)])


@given(steps=st.lists(st.tuples(st.integers(1, 9), SIZES), min_size=1, max_size=8), flip=st.booleans())
def test_r2_levels_share_one_order(steps: list[tuple[int, tuple[int, int] | None]], flip: bool) -> None:
    """Order and flips depend on the position alone, also after resuming."""
    packed = numbered(13)
    sizes = [(2, 3), (1, 1)]
    whole, streamed = levelled(packed, *sizes, flip=flip), levelled(packed, *sizes, flip=flip, resident=False)
    for count, size in steps:
        resumed = levelled(packed, *sizes, flip=flip)
        resumed.position = whole.position
        one, *others = (source.next_batch(count, size) for source in (whole, streamed, resumed))
        for other in others:
            assert torch.equal(one["label"], other["label"])
            assert torch.equal(one["image"], other["image"])
        assert whole.position == streamed.position == resumed.position


def test_the_levels_that_wait_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU, each level would take memory."""
    opened: list[object] = []

    class Counted(BatchGatherer):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[arg-type]
            opened.append(weakref.ref(self))

    monkeypatch.setattr("gancli.data.loader.BatchGatherer", Counted)
    source = levelled(numbered(6), (2, 3))
    assert not opened
    source.next_batch(1, (2, 3))
    source.next_batch(1, (2, 3))
    source.next_batch(1)
    assert [reference() is None for reference in opened] == [True, False]


@given(steps=st.lists(st.tuples(st.integers(1, 9), st.none() | st.integers(0, 40)), max_size=12), flip=st.booleans())
def test_r4_reading_ahead_changes_nothing(steps: list[tuple[int, int | None]], flip: bool) -> None:
    packed = numbered(13)
    resident, streamed = loader(packed, flip=flip), loader(packed, flip=flip, resident=False)
    for size, jump in steps:
        if jump is not None:
            resident.position = streamed.position = jump
        one, other = resident.next_batch(size), streamed.next_batch(size)
        assert torch.equal(one["label"], other["label"])
        assert torch.equal(one["image"], other["image"])
        assert resident.position == streamed.position


def test_a_memory_map_gives_the_same_batches(tmp_path: Path) -> None:
    packed = numbered(13)
    np.save(tmp_path / "images.npy", packed.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    streamed = loader(
        PackedDataset.of_images(images=mapped, labels=packed.labels, spec=packed.spec, fingerprint=""), resident=False
    )
    resident = loader(packed)
    for _ in range(5):
        assert torch.equal(resident.next_batch(5)["image"], streamed.next_batch(5)["image"])


def test_what_stays_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = numbered(13)
    np.save(tmp_path / "images.npy", packed.images)
    mapped = PackedDataset.of_images(
        images=np.load(tmp_path / "images.npy", mmap_mode="r"), labels=None, spec=packed.spec, fingerprint=""
    )
    assert is_resident(mapped)
    monkeypatch.setattr("gancli.data.resolutions._physical_memory", lambda: packed.images.nbytes)
    assert not is_resident(mapped)
    assert is_resident(packed)  # it is in memory already


def test_each_level_stays_or_not_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = numbered(13)
    arrays = {(4, 6): packed.images, (2, 3): packed.images[:, :, ::2, ::2]}
    levels = {}
    for size, images in arrays.items():
        np.save(tmp_path / f"{size[0]}.npy", images)
        levels[size] = {"image": np.load(tmp_path / f"{size[0]}.npy", mmap_mode="r")}
    monkeypatch.setattr("gancli.data.resolutions._physical_memory", lambda: packed.images.nbytes)
    source = loader(packed, levels=levels)
    residence = {}
    for size in [(4, 6), (2, 3), (4, 6)]:
        source.next_batch(2, size)
        residence.setdefault(size, []).append(source.resident)
    assert residence == {(4, 6): [False, False], (2, 3): [True]}


def test_the_array_is_not_copied() -> None:
    packed = numbered(13)
    source = loader(packed)
    packed.images[:] = 255
    assert (source.next_batch(13)["image"] == 1).all()
