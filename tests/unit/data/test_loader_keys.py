"""Batches with several keys: pairs share order and crops, domains do not, and crops are random and restorable."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancli.data.loader import Loader
from gancli.data.resolutions import build_levels
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.io.types import Array

CPU = torch.device("cpu")
SIZE = (6, 8)


def coordinates(count: int) -> Array:
    """Return images whose three channels are the number of the image, the row and the column."""
    images = np.zeros((count, 3, *SIZE), dtype=np.uint8)
    images[:, 0] = np.arange(count)[:, None, None]
    images[:, 1] = np.arange(SIZE[0])[:, None]
    images[:, 2] = np.arange(SIZE[1])
    return images


def pairs(count: int = 20, *, crop: tuple[int, int] = SIZE) -> PackedDataset:
    """Return pairs with the target 255 - source; a further channel of the target is the number of the pair."""
    source = coordinates(count)
    target = np.concatenate([255 - source, source[:, :1]], 1)
    spec = DataSpec(channels=4, height=crop[0], width=crop[1], channels_of={"source": 3, "target": 4})
    return PackedDataset(arrays={"source": source, "target": target}, spec=spec, fingerprint="")


def domains(a: int, b: int) -> PackedDataset:
    spec = DataSpec(channels=3, height=SIZE[0], width=SIZE[1], channels_of={"a": 3, "b": 3})
    arrays: dict[str, Array] = {"a": coordinates(a), "b": coordinates(b)}
    return PackedDataset(arrays={**arrays, "a_digit": np.arange(a), "b_digit": np.arange(b)}, spec=spec, fingerprint="")


def loader(packed: PackedDataset, *, keys: tuple[str, ...] = (), seed: int = 0, **options: object) -> Loader:
    return Loader(packed, keys=keys or tuple(packed.arrays), seed=seed, device=CPU, **options)  # type: ignore[arg-type]


def bytes_of(images: torch.Tensor) -> torch.Tensor:
    return (images + 1).mul(127.5).round().long()


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("crop", [SIZE, (4, 4), (6, 3)])
def test_pairs_stay_together(crop: tuple[int, int], flip: bool, resident: bool) -> None:
    stream = loader(pairs(crop=crop), flip=flip, resident=resident)
    for _ in range(5):
        batch = stream.next_batch(9)
        source, target = bytes_of(batch["source"]), bytes_of(batch["target"])
        assert source.shape == (9, 3, *crop)
        assert torch.equal(target[:, :3], 255 - source)
        assert torch.equal(target[:, 3], source[:, 0])


def test_a_crop_is_a_part_of_its_image() -> None:
    batch = loader(pairs(crop=(4, 4)), flip=True).next_batch(200)
    source = bytes_of(batch["source"])
    rows, columns = source[:, 1], source[:, 2]
    top, left = rows[:, :1, :1], columns.amin((1, 2), keepdim=True)
    mirrored = columns[:, :1, :1] > left
    along = torch.arange(4)
    assert torch.equal(rows, (top + along.view(1, -1, 1)).expand_as(rows))
    assert torch.equal(columns, torch.where(mirrored, left + 3 - along, left + along).expand_as(columns))
    assert 50 < mirrored.sum() < 150


def test_every_place_is_equally_likely() -> None:
    """There are 3 x 5 positions; of 15,000 crops, each has 1,000 on average, with a standard deviation of 31."""
    batch = loader(pairs(crop=(4, 4))).next_batch(15_000)
    source = bytes_of(batch["source"])
    places = source[:, 1, 0, 0] * 5 + source[:, 2, 0, 0]
    counts = torch.bincount(places, minlength=15)
    assert len(counts) == 15
    assert (counts - 1_000).abs().max() < 5 * 31


def test_crops_are_drawn_anew_each_epoch_and_do_not_disturb_the_order() -> None:
    whole, cropped = loader(pairs(50)), loader(pairs(50, crop=(4, 4)))
    places = []
    for _ in range(2):
        one, other = bytes_of(whole.next_batch(50)["source"]), bytes_of(cropped.next_batch(50)["source"])
        assert torch.equal(one[:, 0, 0, 0], other[:, 0, 0, 0])
        places.append(other[other[:, 0, 0, 0].argsort(), 1:, 0, 0])
    assert not torch.equal(*places)


@given(
    before=st.integers(0, 60),
    size=st.integers(1, 30),
    flip=st.booleans(),
    crop=st.sampled_from([SIZE, (3, 8)]),
    resident=st.booleans(),
)
def test_r2_position_alone_restores(before: int, size: int, flip: bool, crop: tuple[int, int], resident: bool) -> None:
    for packed in (pairs(13, crop=crop), domains(13, 5)):
        straight, restored = loader(packed, flip=flip, resident=resident), loader(packed, flip=flip)
        if before:
            straight.next_batch(before)
        restored.position = before
        for _ in range(3):
            one, other = straight.next_batch(size), restored.next_batch(size)
            assert all(torch.equal(one[key], other[key]) for key in packed.arrays)


@given(a=st.integers(1, 20), b=st.integers(1, 20), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_each_domain_has_epochs_of_its_own(a: int, b: int, sizes: list[int]) -> None:
    batches = [loader(domains(a, b)).next_batch(sum(sizes))]
    stream = loader(domains(a, b))
    batches.append(
        {key: torch.cat(parts) for key, parts in _columns([stream.next_batch(size) for size in sizes]).items()}
    )
    for key, count in (("a", a), ("b", b)):
        first, second = (batch[f"{key}_digit"].tolist() for batch in batches)
        assert first == second
        for start in range(0, len(first) - count + 1, count):
            assert sorted(first[start : start + count]) == list(range(count))


def _columns(batches: list[dict[str, torch.Tensor]]) -> dict[str, list[torch.Tensor]]:
    return {key: [batch[key] for batch in batches] for key in batches[0]}


def test_domains_are_independent() -> None:
    batch = loader(domains(100, 100), flip=True).next_batch(100)
    assert batch["a_digit"].tolist() != batch["b_digit"].tolist()
    alone = loader(domains(100, 3), keys=("a",), flip=True).next_batch(100)
    assert torch.equal(alone["a"], batch["a"])
    mirrored = {key: bytes_of(batch[key])[:, 2, 0, 0] == SIZE[1] - 1 for key in "ab"}
    assert not torch.equal(mirrored["a"], mirrored["b"])


def test_what_is_known_of_an_image_comes_with_it() -> None:
    batch = loader(domains(11, 7), flip=True).next_batch(30)
    for key in "ab":
        assert torch.equal(bytes_of(batch[key])[:, 0, 0, 0], batch[f"{key}_digit"])


def test_the_order_of_domains_is_the_published_one() -> None:
    """A changed order would break every resumed run (R2)."""
    batch = loader(domains(6, 4), seed=7).next_batch(12)
    for key, count in (("a", 6), ("b", 4)):
        expected: list[int] = []
        for epoch in range(12 // count):
            digest = hashlib.sha256(f"7/{key}/{epoch}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))
            expected += torch.randperm(count, generator=generator).tolist()
        assert batch[f"{key}_digit"].tolist() == expected


def test_attributes_come_as_they_are() -> None:
    attributes = np.random.default_rng(0).integers(0, 2, (9, 5)).astype(np.float32)
    spec = DataSpec(channels=3, height=6, width=8, labels=tuple("abcde"))
    packed = PackedDataset(arrays={"image": coordinates(9), "attributes": attributes}, spec=spec, fingerprint="")
    batch = loader(packed).next_batch(20)
    assert batch["attributes"].dtype == torch.float32
    assert np.array_equal(batch["attributes"].numpy(), attributes[bytes_of(batch["image"])[:, 0, 0, 0].numpy()])


@pytest.mark.parametrize("resident", [True, False])
def test_pairs_stay_together_at_every_level(resident: bool) -> None:
    packed = pairs(crop=(4, 4))
    stream = loader(packed, levels=build_levels(packed, [(2, 2)]), flip=True, resident=resident)
    for size in [(2, 2), (4, 4), (2, 2)]:
        batch = stream.next_batch(15, size)
        source, target = bytes_of(batch["source"]), bytes_of(batch["target"])
        assert source.shape == (15, 3, *size)
        assert torch.equal(target[:, 3], source[:, 0])
        assert (target[:, :3] - (255 - source)).abs().max() <= 1  # means of 2x2 pixels are rounded


def test_levels_of_cropped_images_must_divide_the_whole() -> None:
    with pytest.raises(DataError, match=r"images of 6x8 with data\.random_crop 4x4 cannot be reduced to 1x1"):
        build_levels(pairs(crop=(4, 4)), [(1, 1)])
