"""Metrics of upscaled images, and their protocol."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.dataset import open_full_size
from gancli.data.source import PackedDataset
from gancli.data.sources.config import FolderConfig, PairedConfig
from gancli.data.spec import DataSpec
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError, UsageError
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.metrics import lpips
from gancli.metrics.context import FullSizeSplit, Measurement, MetricContext, Options
from gancli.metrics.ms_ssim import ssim as similarity
from gancli.metrics.super_resolution import measure_psnr, measure_ssim
from gancli.nn.imresize import imresize
from gancli.recipes.options import FamilyConfig


class Enlarged(Family[FamilyConfig]):
    """A family that upscales with the function `how`."""

    def __init__(self, scale: int, channels: int, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__(FamilyConfig(), DataSpec(channels=channels, height=8, width=8))
        self.scale, self._how = scale, how

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        return self._how(image)


def nearest(scale: int) -> Callable[[Tensor], Tensor]:
    return lambda image: F.interpolate(image, scale_factor=scale)


def bicubic(scale: int) -> Callable[[Tensor], Tensor]:
    return lambda image: imresize(image, scale=scale)


def make_context(
    how: Callable[[Tensor], Tensor], parts: dict[str, PackedDataset], *, scale: int = 4, **options: Any
) -> MetricContext:
    def unused(*_: object) -> Any:
        raise AssertionError("metrics of upscaled images use nothing else of a context")

    channels = next(iter(parts.values())).spec.channels
    return MetricContext(
        family=Enlarged(scale, channels, how),
        nets=Nets({}),
        untrained=unused,
        labels=(),
        device=torch.device("cpu"),
        generate=unused,
        train=unused,
        test=unused,
        every_class=unused,
        held_out=unused,
        full_size=lambda: FullSizeSplit(split="test", parts=parts),
        options=Options(**options),
    )


def photographs(*sizes: tuple[int, int], channels: int = 3, seed: int = 0) -> PackedDataset:
    """Return smooth noise images of several sizes."""
    generator = torch.Generator().manual_seed(seed)
    images = []
    for height, width in sizes:
        coarse = torch.rand(1, channels, 1 + height // 3, 1 + width // 3, generator=generator)
        images.append(imresize(coarse, size=(height, width)).clamp(0, 1)[0].mul(255).byte().numpy())
    spec = DataSpec(channels=channels, height=min(h for h, _ in sizes), width=min(w for _, w in sizes))
    return PackedDataset.of_images(images=VariableSizeImages.of(images), labels=None, spec=spec, fingerprint="")


def values(found: list[Measurement]) -> dict[str, float]:
    return {each.metric: each.value for each in found}


def test_the_protocol_of_large_images_alone() -> None:
    found = measure_psnr(make_context(nearest(4), {"image": photographs((40, 52), (33, 47))}))
    assert [each.metric for each in found] == ["psnr", "psnr/rgb", "psnr/bicubic", "psnr/rgb/bicubic"]
    assert dict(found[0].protocol) == {
        "split": "test",
        "samples": 2,
        "scale": 4,
        "border": 4,
        "low_res": "bicubic, as MATLAB's imresize",
        "mean": "over images",
        "channel": "y",
    }
    assert found[1].protocol["channel"] == "rgb"
    assert all(0 < each.value < 60 for each in found)


@pytest.mark.parametrize("measure", [measure_psnr, measure_ssim])
def test_a_model_that_is_bicubic_has_the_values_of_bicubic(
    measure: Callable[[MetricContext], list[Measurement]],
) -> None:
    found = values(measure(make_context(bicubic(2), {"image": photographs((40, 52), (33, 47))}, scale=2)))
    name = measure.__name__.removeprefix("measure_")
    assert found[name] == found[f"{name}/bicubic"]
    assert found[f"{name}/rgb"] == found[f"{name}/rgb/bicubic"]


def pair(*, low: int, high: int, side: int = 10, scale: int = 4) -> dict[str, PackedDataset]:
    """Return a small grey image of level `low`, and a large one of level `high` with a black border."""
    spec = DataSpec(channels=1, height=side, width=side)
    small = np.full((1, 1, side, side), low, np.uint8)
    large = np.zeros((1, 1, side * scale, side * scale), np.uint8)
    large[:, :, scale:-scale, scale:-scale] = high
    return {
        key: PackedDataset.of_images(images=images, labels=None, spec=spec, fingerprint="")
        for key, images in (("source", small), ("target", large))
    }


def test_grey_pairs_are_compared_as_given_and_without_their_border() -> None:
    found = measure_psnr(make_context(nearest(4), pair(low=100, high=110)))
    assert values(found) == pytest.approx({name: 20 * math.log10(25.5) for name in ("psnr", "psnr/bicubic")})
    assert found[0].protocol["low_res"] == "as given"
    assert found[0].protocol["channel"] == "grey"


def test_what_comes_out_is_rounded_to_bytes() -> None:
    """Values above 100.5 are rounded to 101, and values above white are clipped."""
    for made, level in ((100.6, 101), (254.6, 255), (300.0, 255)):
        found = measure_psnr(
            make_context(lambda image, made=made: nearest(4)(image) * 0 + made / 127.5 - 1, pair(low=0, high=90))
        )
        assert values(found)["psnr"] == pytest.approx(20 * math.log10(255 / (level - 90)))


def test_images_that_come_out_to_the_byte_are_counted() -> None:
    same = pair(low=100, high=100)
    with pytest.raises(DataError, match="equals the true one"):
        measure_psnr(make_context(nearest(4), same))
    assert values(measure_ssim(make_context(nearest(4), same))) == {"ssim": 1, "ssim/bicubic": 1}
    low, high = (np.concatenate([same[key].images, pair(low=100, high=110)[key].images]) for key in same)
    both = {
        key: PackedDataset.of_images(images=images, labels=None, spec=same[key].spec, fingerprint="")
        for key, images in (("source", low), ("target", high))
    }
    (found, _) = measure_psnr(make_context(nearest(4), both))
    assert found.value == pytest.approx(20 * math.log10(25.5))
    assert found.observed["exact"] == 1
    assert found.protocol["samples"] == 2


def test_a_limit_takes_some_images_by_the_seed() -> None:
    data = {"image": photographs(*[(20 + number, 24) for number in range(12)])}
    shown: list[tuple[int, ...]] = []

    def noted(image: Tensor) -> Tensor:
        shown.append(tuple(image.shape[2:]))
        return nearest(2)(image)

    for seed in (0, 0, 1):
        (first, *_) = measure_psnr(make_context(noted, data, scale=2, limit=4, seed=seed))
        assert first.protocol["samples"] == 4
    assert shown[:4] == shown[4:8] != shown[8:]


def test_sizes_that_do_not_fit() -> None:
    unlike = pair(low=1, high=2)
    with pytest.raises(DataError, match=r"source of pair 1 has 10x10 pixels and the target 40x40, .* not 2 times"):
        measure_psnr(make_context(nearest(2), unlike, scale=2))
    with pytest.raises(DataError, match="8x30 is too small to be downscaled 4 times"):
        measure_psnr(make_context(nearest(4), {"image": photographs((8, 30))}))


def test_ssim_of_a_contrast_that_is_halved() -> None:
    """(2 s1 s2 + c2) / (s1^2 + s2^2 + c2) of equal means, where s is the deviation within a window: the same for all
    windows of a fine pattern, about, and 2 * 0.5 / 1.25 where c2 is small.
    """
    pattern = (torch.arange(64).view(-1, 1) + torch.arange(64)) % 2 * 200.0 + 20
    image = pattern.double().expand(1, 1, 64, 64)
    assert similarity(image, (image - 120) / 2 + 120).item() == pytest.approx(0.8, abs=1e-3)
    assert similarity(image, 240 - image).item() == pytest.approx(-1, abs=1e-2)


@pytest.fixture(scope="module")
def set5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the pairs of Set5 in two folders."""
    data = Path(os.environ.get("GANCLI_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
    files = sorted((data / "set5" / "x4").glob("*.png"))
    if not files:
        pytest.skip(f"needs the real data of {data}")
    root = tmp_path_factory.mktemp("set5")
    for file in files:
        name, _, kind = file.stem.rpartition("_")
        folder = root / {"LR": "source", "HR": "target"}[kind]
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.png").symlink_to(file.resolve())
    return root


def test_bicubic_reaches_on_set5_what_is_published(set5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """28.43 dB (Ledig et al. 2017), or 28.42 with rounded luma; also if gancli downscales the images."""
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path))
    pairs = open_full_size(PairedConfig(source="paired", root=set5, split="all"))
    alone = open_full_size(FolderConfig(source="folder", root=set5 / "target"))
    found = [values(measure_psnr(make_context(nearest(4), dict(parts)))) for parts in (pairs, alone)]
    assert found[0]["psnr/bicubic"] == pytest.approx(28.43, abs=0.02)
    assert found[0] == found[1]
    assert found[0]["psnr"] < found[0]["psnr/bicubic"]
    # 0.8104 is the value of the authors of VDSR and EDSR.
    assert values(measure_ssim(make_context(nearest(4), dict(pairs))))["ssim/bicubic"] == pytest.approx(
        0.8104, abs=1e-3
    )


@pytest.fixture
def channelwise(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Replace LPIPS by the mean difference of images in [-1, 1], and record the `fetch` arguments."""
    fetched: list[bool] = []

    class Difference(torch.nn.Module):
        def forward(self, first: Tensor, second: Tensor) -> Tensor:
            assert first.dtype == torch.float32
            return (first - second).abs().mean((1, 2, 3))

    def load(name: str, *, fetch: bool) -> Difference:
        fetched.append(fetch)
        return Difference()

    monkeypatch.setattr("gancli.metrics.lpips.load_lpips", load)
    return fetched


def test_lpips_looks_at_colours_in_the_range_of_images(channelwise: list[bool]) -> None:
    found = lpips.measure(make_context(nearest(4), pair(low=100, high=151)))
    assert values(found) == pytest.approx({"lpips": 0.4, "lpips/bicubic": 0.4})
    assert found[0].protocol["channel"] == "grey"
    assert found[0].protocol["backbone"] == "alexnet"
    assert len(found[0].protocol["backbone_sha256"]) == len(found[0].protocol["heads_sha256"]) == 64
    found = lpips.measure(make_context(bicubic(2), {"image": photographs((40, 52), (33, 47))}, scale=2, fetch=False))
    assert [each.metric for each in found] == ["lpips", "lpips/bicubic"]
    assert found[0].protocol["channel"] == "rgb"
    assert found[0].value == found[1].value > 0
    assert channelwise == [True, False]


def test_lpips_of_a_network_that_it_does_not_know(channelwise: list[bool]) -> None:
    with pytest.raises(UsageError, match="lpips supports the backbones alexnet and vgg16, not 'inception'"):
        lpips.measure(make_context(nearest(4), pair(low=1, high=2), backbone="inception"))
    vgg = lpips.measure(make_context(nearest(4), pair(low=1, high=2), backbone="vgg16"))
    assert vgg[0].protocol["backbone"] == "vgg16"
