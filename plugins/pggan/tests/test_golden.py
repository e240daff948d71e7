"""Network sizes and schedule of Karras et al. 2018, and tensors that growing must not change."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gancli.errors import UsageError
from gancli.family import Adam, DataSpec, Nets
from gancli.testing import BATCH_SIZE, FamilyContract
from gancli_pggan import networks
from gancli_pggan.config import Config
from gancli_pggan.family import PGGAN

GREY = DataSpec(channels=1, height=16, width=16)
SMALL = {"latent_dim": 8, "channels_base": 32, "channels_max": 8}
LEVELS = (1, 2)
"""Those that fade in, of a network for 16x16."""


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def square(side: int, channels: int = 3) -> DataSpec:
    return DataSpec(channels=channels, height=side, width=side)


def nets(data: DataSpec = GREY, *, seed: int = 0, **options: object) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    return PGGAN(Config(**SMALL | options), data).build()


@pytest.mark.parametrize(
    ("side", "generator", "discriminator"),
    [
        (4, 6_556_163, 6_561_793),
        (8, 11_277_318, 11_283_457),
        (16, 15_998_473, 16_005_121),
        (32, 20_719_628, 20_726_785),
        (64, 22_490_383, 22_498_049),
        (128, 22_933_394, 22_941_313),
        (256, 23_044_309, 23_052_353),
        (512, 23_072_120, 23_080_225),
        (1024, 23_079_115, 23_087_249),
    ],
)
def test_parameter_counts_of_the_paper(side: int, generator: int, discriminator: int) -> None:
    with torch.device("meta"):
        modules = PGGAN(Config(), square(side)).build()
    assert parameters(modules["generator"]) == generator
    assert parameters(modules["discriminator"]) == discriminator


def test_parameter_counts_for_cifar() -> None:
    with torch.device("meta"):
        modules = PGGAN(Config(latent_dim=128, channels_base=4096, channels_max=128), square(32)).build()
    assert parameters(modules["generator"]) == 1_296_908
    assert parameters(modules["discriminator"]) == 1_298_689


def test_channels_of_the_paper() -> None:
    assert networks.channels(9, base=8192, most=512) == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    assert networks.channels(4, base=4, most=512) == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4, 4), [(4, 4)]),
        ((7, 7), [(7, 7)]),
        ((28, 28), [(7, 7), (14, 14), (28, 28)]),
        ((16, 24), [(4, 6), (8, 12), (16, 24)]),
        ((128, 64), [(8, 4), (16, 8), (32, 16), (64, 32), (128, 64)]),
        ((1024, 1024), [(4 << level, 4 << level) for level in range(9)]),
    ],
)
def test_levels_double_the_base(size: tuple[int, int], expected: list[tuple[int, int]]) -> None:
    assert networks.sizes(size) == expected


@pytest.mark.parametrize(
    ("size", "nearest"), [((3, 3), 4), ((30, 30), 28), ((36, 36), 32), ((27, 32), 28), ((8, 64), 8)]
)
def test_sizes_that_do_not_fit_are_refused_with_the_nearest_that_does(size: tuple[int, int], nearest: int) -> None:
    with pytest.raises(UsageError, match=f"set data.resolution to {nearest},"):
        PGGAN(Config(), DataSpec(channels=1, height=size[0], width=size[1])).stages()
    assert networks.sizes((nearest, nearest))


def test_points_are_refused() -> None:
    with pytest.raises(UsageError, match="does not support points"):
        PGGAN(Config(), DataSpec(channels=2, height=1, width=1, kind="points")).build()


@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 16, 24), (4, 20, 16)])
def test_shapes_at_every_level(shape: tuple[int, int, int]) -> None:
    data = DataSpec(channels=shape[0], height=shape[1], width=shape[2])
    modules = nets(data)
    for level, size in enumerate(networks.sizes(shape[1:])):
        images = modules["generator"](torch.randn(3, 8), level)
        assert images.shape == (3, shape[0], *size)
        assert modules["discriminator"](images, level).shape == (3, 1)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("level", LEVELS)
def test_a_fade_is_exact_at_both_ends(level: int, precision: torch.dtype) -> None:
    """Exactly the level below at 0 and the new level at 1, and a mixture in between."""
    modules = nets()
    generator, discriminator = modules["generator"], modules["discriminator"]
    z, image = torch.randn(4, 8), torch.randn(4, 1, 4 << level, 4 << level)
    nought, half, one = (torch.tensor(fade) for fade in (0.0, 0.5, 1.0))
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        below, new = generator(z, level - 1), generator(z, level)
        assert torch.equal(generator(z, level, nought), below.repeat_interleave(2, 2).repeat_interleave(2, 3))
        assert torch.equal(generator(z, level, one), new)
        assert not torch.equal(generator(z, level, half), new)
        below, new = discriminator(F.avg_pool2d(image, 2), level - 1), discriminator(image, level)
        assert torch.equal(discriminator(image, level, nought), below)
        assert torch.equal(discriminator(image, level, one), new)
        assert not torch.equal(discriminator(image, level, half), new)


@pytest.mark.parametrize("fading", [False, True])
def test_an_old_head_is_computed_only_while_its_successor_fades_in(fading: bool) -> None:
    modules, ran = nets(), []
    for name, heads in (("G", modules["generator"].to_image), ("D", modules["discriminator"].from_image)):
        for level, head in enumerate(heads):
            head.register_forward_hook(lambda *_, what=(name, level): ran.append(what))
    fade = torch.tensor(0.5) if fading else None
    modules["discriminator"](modules["generator"](torch.randn(2, 8), 2, fade), 2, fade)
    assert sorted(ran) == ([("D", 1), ("D", 2), ("G", 1), ("G", 2)] if fading else [("D", 2), ("G", 2)])


def test_the_lowest_level_has_nothing_to_fade_from() -> None:
    modules, z, fade = nets(), torch.randn(2, 8), torch.tensor(0.5)
    image = modules["generator"](z, 0)
    assert torch.equal(modules["generator"](z, 0, fade), image)
    assert torch.equal(modules["discriminator"](image, 0, fade), modules["discriminator"](image, 0))


def test_images_have_no_bounds_before_they_are_drawn() -> None:
    """The last layer is linear, without a tanh."""
    modules = nets()
    family, z = PGGAN(Config(**SMALL), GREY), torch.randn(4, 8)
    image = modules["generator"](z, 2)
    with torch.no_grad():
        modules["generator"].to_image[2].weight *= 100
    assert torch.allclose(modules["generator"](z, 2), 100 * image, rtol=1e-4, atol=1e-3)
    assert torch.equal(family.sample(Nets(modules), z), modules["generator"](z, 2).clamp(-1, 1))


@pytest.mark.parametrize("normalised", [True, False])
def test_the_length_of_a_latent_counts_where_it_is_not_normalised(normalised: bool) -> None:
    generator, z = nets(normalise_latent=normalised)["generator"], torch.randn(4, 8)
    with torch.no_grad():
        generator.start[1].shift.normal_()  # because the other layers are homogeneous and normalise every length
    same = torch.allclose(generator(z, 0), generator(3 * z, 0), rtol=1e-4, atol=1e-5)
    assert same is normalised


def test_the_first_map_is_a_convolution_of_a_single_pixel() -> None:
    """The kernel has the size of the map, and the gain is sqrt(2)."""
    layer = networks.FirstMap(6, 5, (4, 7))
    nn.init.normal_(layer.shift)
    z = torch.randn(3, 6)
    kernel = layer.weight.view(4, 7, 5, 6).permute(3, 2, 0, 1) * (2 / (6 * 28)) ** 0.5
    expected = F.conv_transpose2d(z[:, :, None, None], kernel, layer.shift)
    assert torch.allclose(layer(z), expected, atol=1e-5)


class Growing(FamilyContract):
    family = "pggan"
    model: ClassVar = {**SMALL, "stable_images": 2 * BATCH_SIZE, "fade_images": 2 * BATCH_SIZE}
    data = GREY


def test_growing_changes_no_tensor_that_was_there(tmp_path: Path) -> None:
    """Before a level starts, its weights, averages and optimizer state have their initial values."""
    first = Growing().trainer(tmp_path / "first").players.tensors()
    trainer = Growing().trainer(tmp_path / "grown", images=6 * BATCH_SIZE)  # the end of 8x8
    trainer.train()
    grown = trainer.players.tensors()
    assert grown["model"].keys() == first["model"].keys()
    above = ("generator.blocks.1.", "generator.to_image.2.", "discriminator.blocks.1.", "discriminator.from_image.2.")
    for name, tensor in grown["model"].items():
        assert torch.equal(tensor, first["model"][name]) == (name.startswith(above)), name
    for name, tensor in grown["ema"].items():
        assert name not in grown["model"] or not name.startswith(above) or torch.equal(tensor, first["ema"][name])
    assert not [name for name in grown["optimizers"] if name.split("/", 1)[1].startswith(above)]


def test_the_schedule_of_the_paper() -> None:
    """Every level but the first is faded in; optimizers are reset when a fade starts or ends."""
    options = {"stable_images": 800_000, "fade_images": 600_000, "batch_sizes": (16, 14, 6)}
    stages = PGGAN(Config(**options), DataSpec(channels=3, height=32, width=48)).stages()
    assert [(stage.name, stage.resolution, stage.images, stage.fade, stage.batch_size) for stage in stages] == [
        ("4x6", (4, 6), 800_000, 0.0, 16),
        ("8x12 fade", (8, 12), 600_000, 1.0, 14),
        ("8x12", (8, 12), 800_000, 0.0, 14),
        ("16x24 fade", (16, 24), 600_000, 1.0, 6),
        ("16x24", (16, 24), 800_000, 0.0, 6),
        ("32x48 fade", (32, 48), 600_000, 1.0, 6),
        ("32x48", (32, 48), None, 0.0, 6),
    ]
    assert [stage.reset_optimizers for stage in stages] == [False, True, True, True, True, True, True]
    assert all([turn.player for turn in stage.turns] == ["discriminator", "generator"] for stage in stages)


def test_a_schedule_without_fades() -> None:
    stages = PGGAN(Config(fade_images=0, last_stage_images=7, reset_optimizers=False), square(8)).stages()
    assert [(stage.name, stage.images, stage.batch_size) for stage in stages] == [
        ("4x4", 600_000, None),
        ("8x8", 7, None),
    ]
    assert not any(stage.reset_optimizers or stage.fade for stage in stages)


def test_players_of_the_paper() -> None:
    generator, discriminator = PGGAN(Config(), GREY).players()
    assert generator.optimizer == discriminator.optimizer == Adam(lr=1e-3, betas=(0.0, 0.99), eps=1e-8)
    assert (generator.ema, discriminator.ema) == (0.999, None)
