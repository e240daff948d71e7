"""Upscaling: tiles equal to the whole image, running out of memory, precision, and kinds of channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancli.data.spec import DataSpec
from gancli.errors import DataError, NumericalError, UsageError
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.inference import receptive_field
from gancli.inference import upscale as upscaling
from gancli.inference.model import Model
from gancli.inference.tiling import split_into_tiles
from gancli.inference.upscale import Upscaler
from gancli.nn.imresize import imresize
from gancli.recipes.options import FamilyConfig

CPU = torch.device("cpu")
SCALE = 2


class Config(FamilyConfig):
    pass


class Toy(Family[Config]):
    """Upscales by a factor of two with an untrained network, or with the function `network`."""

    scale = SCALE
    network: Any = None

    def build(self) -> dict[str, nn.Module]:
        channels = self.data.channels
        torch.manual_seed(0)
        layers = (nn.Conv2d(channels, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        return {"generator": nn.Sequential(*layers, nn.Conv2d(8, 4 * channels, 3, padding=1), nn.PixelShuffle(SCALE))}

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        return self.network(image) if self.network else nets.generator(image)


def model(channels: int = 3, network: Any = None) -> Model:
    family = Toy(Config(), DataSpec(channels=channels, height=16, width=16))
    family.network = network
    modules = {name: module.eval().requires_grad_(False) for name, module in family.build().items()}
    return Model(
        family=family,
        nets=Nets(modules),
        abilities=frozenset({"upscale"}),
        labels=(),
        run="toy",
        images=0,
        digest="",
        ema=False,
        device=CPU,
        skipped_checkpoints=(),
    )


def random_image(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def repeat(image: Tensor) -> Tensor:
    return image.repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3)


def levels(images: Tensor) -> np.ndarray:
    return images[0].add(1).mul(127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", [(64, 64), (33, 100), (7, 200), (5, 5), (97, 98)])
def test_kept_parts_cover_an_image_once_and_margins_are_as_wide_as_wanted(size: tuple[int, int]) -> None:
    covered = np.zeros(size, dtype=int)
    for tile in split_into_tiles(*size, tile=32, margin=6):
        covered[tile.kept_rows, tile.kept_columns] += 1
        for shown, kept, side in zip((tile.rows, tile.columns), (tile.kept_rows, tile.kept_columns), size, strict=True):
            assert shown.stop - shown.start == min(32, side)
            assert kept.start - shown.start >= 6 or shown.start == kept.start == 0
            assert shown.stop - kept.stop >= 6 or shown.stop == kept.stop == side
    assert (covered == 1).all()


def test_tiles_are_the_whole() -> None:
    pixels = random_image(150, 201, 3)
    whole = Upscaler(model(), precision="fp32")(pixels)
    upscaler = Upscaler(model(), precision="fp32", tile=64)
    tiled = upscaler(pixels)
    assert whole.shape == (300, 402, 3)
    assert not upscaler.may_show_seams
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    assert (whole == tiled).mean() > 0.999


def test_a_margin_is_what_the_network_sees() -> None:
    """Convolutions of 5, 3 and 3 have a radius of 4 pixels; normalisation over the input has an unlimited one."""
    network = model().nets.generator
    margin, sufficient = receptive_field.tile_margin(network, channels=3, scale=SCALE, device=CPU, side=96)
    assert 1 + receptive_field._SAFETY <= margin <= 4 + receptive_field._SAFETY
    assert sufficient

    def normalised(image: Tensor) -> Tensor:
        return repeat(image / image.std((2, 3), keepdim=True) / 4 + image.mean((2, 3), keepdim=True))

    assert not receptive_field.tile_margin(normalised, channels=3, scale=SCALE, device=CPU, side=96)[1]
    for tile, seams in ((200, False), (160, True)):
        upscaler = Upscaler(model(network=normalised), precision="fp32", tile=tile)
        upscaler(random_image(180, 170, 3))
        assert upscaler.may_show_seams is seams


def test_the_memory_of_a_pixel_is_that_of_the_largest_layer() -> None:
    """The last convolution reads 8 numbers and writes 12, the shuffle reads and writes 12; this is doubled."""
    network = model().nets.generator
    taken = receptive_field.bytes_per_pixel(network, [network], channels=3, device=CPU)
    assert taken == 2 * (12 + 12) * 4


def test_little_memory_makes_small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def network(image: Tensor) -> Tensor:
        sizes.append(image.shape[2])
        return repeat(image)

    monkeypatch.setattr(upscaling, "free", lambda _: 2 * 192 * 40 * 40)
    pixels = random_image(100, 100, 3)
    assert (Upscaler(model(network=network), precision="fp32")(pixels) == pixels.repeat(2, 0).repeat(2, 1)).all()
    assert sizes[-1] <= 64


def test_memory_that_runs_out_is_met_with_smaller_tiles() -> None:
    refused: list[int] = []

    def network(image: Tensor) -> Tensor:
        if image.shape[2] * image.shape[3] > 64 * 64:
            refused.append(image.shape[2])
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")
        return repeat(image)

    pixels, reported = random_image(250, 130, 3), []
    upscaler = Upscaler(model(network=network), precision="fp32", tile=256)
    upscaler._margin = (4, True)  # cannot be measured with so little memory
    assert (upscaler(pixels, reported.append) == pixels.repeat(2, 0).repeat(2, 1)).all()
    assert refused
    assert sum(reported) == 250 * 130
    before = len(refused)
    upscaler(pixels)  # later images do not try this size again
    assert len(refused) == before


def test_memory_that_is_never_enough_is_said() -> None:
    def network(image: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    upscaler = Upscaler(model(network=network), precision="fp32", tile=256)
    upscaler._margin = (4, True)
    with pytest.raises(DataError, match="not enough memory even for tiles of"):
        upscaler(random_image(100, 100, 3))


def test_other_errors_are_not_taken_for_it() -> None:
    def network(image: Tensor) -> Tensor:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="do not fit"):
        Upscaler(model(network=network), precision="fp32", tile=256)(random_image(100, 100, 3))


def test_a_tile_that_is_not_finite_in_bf16_is_drawn_in_fp32() -> None:
    kinds: list[bool] = []

    def network(image: Tensor) -> Tensor:
        kinds.append(torch.is_autocast_enabled("cpu"))
        return repeat(image) * (float("inf") if kinds[-1] else 1.0)

    pixels = random_image(20, 20, 3)
    assert (
        Upscaler(model(network=network), precision="bf16", tile=32)(pixels) == pixels.repeat(2, 0).repeat(2, 1)
    ).all()
    assert kinds == [True, False]


def test_what_is_never_finite_is_said() -> None:
    with pytest.raises(NumericalError, match="not finite"):
        Upscaler(model(network=lambda image: repeat(image) * float("nan")), precision="fp32")(random_image(9, 9, 3))


def test_auto_is_bf16_only_where_it_is_accurate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscaling, "choose_precision", lambda *_: torch.bfloat16)
    kinds: list[bool] = []

    def exact(image: Tensor) -> Tensor:
        kinds.append(torch.is_autocast_enabled("cpu"))
        return repeat(image)

    def inaccurate(image: Tensor) -> Tensor:
        return exact(image) + 0.01 * torch.is_autocast_enabled("cpu")

    for network, pixels, chosen in (
        (exact, random_image(8, 8, 3), True),
        (inaccurate, random_image(8, 8, 3), False),
        (exact, random_image(8, 8, 3, dtype=np.uint16), False),
    ):
        Upscaler(model(network=network))(pixels)
        assert kinds[-1] is chosen


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_of_every_kind_come_back_as_they_were(channels: int, kind: int, dtype: Any) -> None:
    pixels = random_image(6, 7, kind, dtype=dtype)
    pixels[..., -1] = pixels[..., -1] | 1  # no pixel is fully transparent
    output = Upscaler(model(channels, network=repeat), precision="fp32")(pixels)
    assert output.dtype == dtype
    same = slice(None) if kind in (1, 3) or channels == 4 else slice(-1)
    assert np.abs(output[..., same].astype(int) - pixels.repeat(2, 0).repeat(2, 1)[..., same]).max() <= 1


def test_opacity_is_enlarged_by_bicubic_interpolation() -> None:
    pixels = random_image(12, 12, 4)
    expected = imresize(torch.from_numpy(pixels[None, ..., 3:]).permute(0, 3, 1, 2).float() / 127.5 - 1, scale=SCALE)
    output = Upscaler(model(network=repeat), precision="fp32")(pixels)
    assert np.abs(output[..., 3].astype(int) - levels(expected)[..., 0]).max() <= 1


def test_invisible_colours_do_not_bleed() -> None:
    pixels = np.zeros((31, 31, 4), dtype=np.uint8)
    pixels[...] = (0, 255, 0, 0)
    pixels[10:20, 7:20] = (200, 10, 10, 255)
    output = Upscaler(model(network=lambda image: imresize(image, scale=SCALE)), precision="fp32")(pixels)
    assert np.abs(output[..., :3].astype(int) - (200, 10, 10)).max() <= 1


def test_a_tile_that_is_all_margin_is_refused() -> None:
    upscaler = Upscaler(model(), precision="fp32", tile=16)
    with pytest.raises(UsageError, match=r"--tile 16 .* use at least \d+"):
        upscaler(random_image(40, 40, 3))
    assert upscaler(random_image(16, 9, 3)).shape == (32, 18, 3)
