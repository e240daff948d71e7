"""Images of different sizes: storage, packing and random crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from gancli.data import cache as packed_cache
from gancli.data.dataset import open_dataset, open_full_size
from gancli.data.loader import Loader, _Crops
from gancli.data.resolutions import build_levels
from gancli.data.source import PackedDataset
from gancli.data.sources.config import FolderConfig, UnpairedConfig
from gancli.data.spec import DataSpec
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError

CPU = torch.device("cpu")
SIZES = [(5, 9), (12, 4), (4, 4), (7, 7), (30, 6)]
CROP = (4, 3)

Config = Callable[..., FolderConfig]


def coordinates(sizes: list[tuple[int, int]] = SIZES) -> list[np.ndarray]:
    """Return images whose three channels are the number of the image, the row and the column."""
    grids = [np.indices(size).astype(np.uint8) for size in sizes]
    return [np.concatenate([np.full_like(grid[:1], number), grid]) for number, grid in enumerate(grids)]


def packed(sizes: list[tuple[int, int]] = SIZES, *, crop: tuple[int, int] = CROP) -> PackedDataset:
    names = tuple(str(number) for number in range(len(sizes)))
    return PackedDataset.of_images(
        images=VariableSizeImages.of(coordinates(sizes)),
        labels=np.arange(len(sizes)),
        spec=DataSpec(channels=3, height=crop[0], width=crop[1], labels=names),
        fingerprint="0",
    )


def loader(data: PackedDataset, **options: object) -> Loader:
    return Loader(data, keys=("image", "label"), seed=0, device=CPU, **options)  # type: ignore[arg-type]


def bytes_of(images: Tensor) -> Tensor:
    return (images + 1).mul(127.5).round().long()


def test_images_come_back_as_they_were() -> None:
    images = coordinates()
    variable_size = VariableSizeImages.of(images)
    assert len(variable_size) == 5
    assert variable_size.smallest == (4, 4)
    assert variable_size.starts.tolist() == [0, 135, 279, 327, 474]
    for row, image in enumerate(images):
        assert np.array_equal(variable_size[row], image)
        assert np.shares_memory(variable_size[row], variable_size.flat)


def test_a_stack_of_equal_images_is_not_copied() -> None:
    stack = np.stack(coordinates([(4, 6)] * 3))
    variable_size = VariableSizeImages.of_equal(stack)
    assert np.shares_memory(variable_size.flat, stack)
    assert np.array_equal(variable_size[2], stack[2])


@pytest.mark.parametrize("resident", [True, False])
def test_a_crop_is_a_part_of_its_image(resident: bool) -> None:
    batch = loader(packed(), flip=True, resident=resident).next_batch(400)
    number, rows, columns = bytes_of(batch["image"]).unbind(1)
    assert torch.equal(number, batch["label"].view(-1, 1, 1).expand_as(number))
    top, left = rows[:, :1, :1], columns.amin((1, 2), keepdim=True)
    mirrored = columns[:, :1, :1] > left
    down, across = torch.arange(4).view(1, -1, 1), torch.arange(3)
    assert torch.equal(rows, (top + down).expand_as(rows))
    assert torch.equal(columns, torch.where(mirrored, left + 2 - across, left + across).expand_as(columns))
    assert 120 < mirrored.sum() < 280


def test_every_place_of_every_image_is_equally_likely() -> None:
    """Each image is shown 3,000 times, and each of its n crop positions 3,000 / n times on average."""
    batch = loader(packed()).next_batch(15_000)
    corners = bytes_of(batch["image"])[:, 1:, 0, 0]
    for number, (height, width) in enumerate(SIZES):
        mine = corners[batch["label"] == number]
        assert len(mine) == 3_000
        places = (height - 3) * (width - 2)
        counts = torch.bincount(mine[:, 0] * (width - 2) + mine[:, 1], minlength=places)
        assert len(counts) == places
        assert (counts - 3_000 / places).abs().max() < 5 * (3_000 / places) ** 0.5


def test_an_index_finds_what_slices_find() -> None:
    parts = _Crops(packed().variable_size["image"], CROP, CPU, pinned=False)
    rows = torch.arange(5).repeat(20)
    room = parts._sizes[rows] - torch.tensor(CROP) + 1
    corners = (torch.rand(100, 2, generator=torch.Generator().manual_seed(0)) * room).long()
    where = parts._starts[rows], parts._sizes[rows], corners
    assert torch.equal(parts._index(*where), parts._slice(*where))


@given(before=st.integers(0, 40), size=st.integers(1, 20), flip=st.booleans(), resident=st.booleans())
def test_r2_position_alone_restores(before: int, size: int, flip: bool, resident: bool) -> None:
    straight, restored = loader(packed(), flip=flip, resident=resident), loader(packed(), flip=flip)
    if before:
        straight.next_batch(before)
    restored.position = before
    for _ in range(3):
        one, other = straight.next_batch(size), restored.next_batch(size)
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["label"], other["label"])


def test_images_of_one_size_give_the_same_crops_either_way() -> None:
    sizes = [(9, 7)] * 6
    variable_size = packed(sizes)
    stack = replace(
        variable_size, variable_size={}, arrays={**variable_size.arrays, "image": np.stack(coordinates(sizes))}
    )
    one, other = loader(variable_size, flip=True), loader(stack, flip=True)
    for _ in range(3):
        assert torch.equal(one.next_batch(5)["image"], other.next_batch(5)["image"])


def test_what_else_is_asked_of_them() -> None:
    data = packed()
    assert data.count == 5
    assert data.described == "5 images of 3x4x3"
    with pytest.raises(DataError, match=r"images of one size, but these differ in size; set data\.resolution"):
        _ = data.images
    assert build_levels(data, {None, CROP})[CROP]["image"] is data.variable_size["image"]
    with pytest.raises(DataError, match=r"different sizes cannot be reduced to 2x3 .* set data\.resolution"):
        build_levels(data, {(2, 3)})


@pytest.fixture
def photographs(root: Path) -> Path:
    """Write RGB images of the sizes above to two folders."""
    for number, image in enumerate(coordinates()):
        path = root / ("even", "odd")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(path)
    return root


ORDER = [0, 2, 4, 1, 3]  # by folder


def test_a_folder_of_many_sizes_is_kept_as_it_is(photographs: Path, config: Config, cache: Path) -> None:
    data = open_dataset(config(random_crop=CROP))
    assert data.spec == DataSpec(channels=3, height=4, width=3, labels=("even", "odd"))
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    images = coordinates()
    assert all(np.array_equal(data.variable_size["image"][row], images[number]) for row, number in enumerate(ORDER))
    assert isinstance(data.variable_size["image"].flat, np.memmap)
    batch = loader(data, resident=False).next_batch(50)
    assert torch.equal(bytes_of(batch["image"])[:, 0, 0, 0] % 2, batch["label"])


def test_the_second_time_nothing_is_decoded(photographs: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_dataset(config(random_crop=CROP))
    monkeypatch.setattr("gancli.io.decode.decode", None)
    second = open_dataset(config(random_crop=(2, 2)))
    assert second.fingerprint == first.fingerprint
    assert np.array_equal(second.variable_size["image"].flat, first.variable_size["image"].flat)
    with pytest.raises(DataError, match=r"differ in size; set data\.resolution .* or data\.random_crop"):
        open_dataset(config())


def test_a_damaged_entry_is_packed_again(photographs: Path, config: Config, cache: Path) -> None:
    first = open_dataset(config(random_crop=CROP))
    meta = cache / "packed" / first.fingerprint / "meta.json"
    meta.write_text(meta.read_text().replace("[5, 9]", "[5, 8]"))
    assert packed_cache.load(first.fingerprint) is None
    assert open_dataset(config(random_crop=CROP)).variable_size["image"].sizes.tolist()[0] == [5, 9]


def test_without_a_cache_they_stay_in_memory(
    photographs: Path, config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "file"))
    data = open_dataset(config(random_crop=CROP))
    assert not isinstance(data.variable_size["image"].flat, np.memmap)
    assert np.array_equal(data.variable_size["image"][1], coordinates()[2])


def test_an_image_smaller_than_the_crop_is_named(photographs: Path, config: Config) -> None:
    with pytest.raises(
        DataError, match=r"even/0\.png \(and 1 more\) is too small for data\.random_crop 6x4: it has 5x9 pixels"
    ):
        open_dataset(config(random_crop=(6, 4)))


def test_unreadable_images_are_left_out(photographs: Path, config: Config) -> None:
    (photographs / "even" / "2.png").write_bytes(b"no image")
    data = open_dataset(config(random_crop=CROP, unreadable="skip"))
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(data.variable_size["image"][1], coordinates()[4])


def test_a_resolution_makes_them_one_size(photographs: Path, config: Config) -> None:
    assert open_dataset(config(random_crop=CROP, resolution=6)).images.shape == (5, 3, 6, 6)


def test_turned_photographs_are_upright(root: Path, config: Config, save: Callable[..., Path]) -> None:
    save(root / "a.png", size=(6, 6))
    picture = Image.new("RGB", (8, 5))
    exif = picture.getexif()
    exif[0x0112] = 6  # rotated by 90 degrees
    picture.save(root / "b.jpg", exif=exif)
    assert open_dataset(config(random_crop=4)).variable_size["image"].sizes.tolist() == [[6, 6], [8, 5]]


def test_whole_they_need_no_crop(photographs: Path, config: Config) -> None:
    (part,) = open_full_size(config(resolution=3)).values()
    assert part.spec.shape == (3, 4, 4)
    assert np.array_equal(part.variable_size["image"][3], coordinates()[1])


def test_domains_of_many_sizes(photographs: Path) -> None:
    options = {"a_folder": "even", "b_folder": "odd", "test_share": 0.0}
    data = open_dataset(UnpairedConfig(source="unpaired", root=photographs, random_crop=CROP, **options))
    batch = Loader(data, keys=("a", "b"), seed=0, device=CPU).next_batch(30)
    assert set(bytes_of(batch["a"])[:, 0, 0, 0].tolist()) == {0, 2, 4}
    assert set(bytes_of(batch["b"])[:, 0, 0, 0].tolist()) == {1, 3}
