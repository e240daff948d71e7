"""The game of Zhu et al. 2017: two generators, each with a discriminator of its domain, and images that must come back
from there and back again as they were.

Both generators are updated together, then both discriminators, on translations of this step or, from the pools, of
earlier ones. The halves are the authors' code's: the discriminators' losses have them, the generators' have not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Translation, Turn
from gancli.nn.dcgan import initialise_normal
from gancli.nn.image_buffer import ImagePool
from gancli.nn.layers import NormKind
from gancli.nn.patch_discriminator import patch_discriminator
from gancli.nn.residual import MULTIPLE, residual_generator
from gancli_cyclegan.config import Config


class CycleGAN(Family[Config]):
    """Generators `to_a` and `to_b`; discriminators `judge_a` and `judge_b`; pools `pool_a` and `pool_b`."""

    optimum_values = {f"discriminator/D_{key}({shown})": 0.5 for key in ("a", "b") for shown in ("x", "G(x)")}

    def build(self) -> dict[str, nn.Module]:
        config, size = self.config, (self.data.height, self.data.width)
        self._check(size)
        channels = {key: self.data.shape_of(key)[0] for key in ("a", "b")}
        norm: NormKind = "instance_affine" if config.norm_affine else "instance"
        networks: dict[str, nn.Module] = {}
        for here, there in (("a", "b"), ("b", "a")):
            networks[f"to_{here}"] = residual_generator(
                channels[there],
                channels[here],
                blocks=config.blocks or (9 if min(size) >= 256 else 6),
                channels=config.channels,
                norm=norm,
                upsampling=config.upsampling,
            )
            networks[f"judge_{here}"] = patch_discriminator(
                channels[here],
                size,
                receptive_field=config.receptive_field,
                channels=config.channels,
                norm=norm,
            )
        pools = {f"pool_{key}": ImagePool(config.pool_size, self.data.shape_of(key)) for key in channels}
        return {name: initialise_normal(network) for name, network in networks.items()} | pools

    def players(self) -> Sequence[Player]:
        config = self.config
        return [
            self._player("generator", ("to_a", "to_b"), config.generator_lr, ema=0.0),
            self._player("discriminator", ("judge_a", "judge_b"), config.discriminator_lr, ema=None),
        ]

    def stages(self) -> Sequence[Stage]:
        turns = (
            Turn(player="generator", loss=self.generator_loss),
            Turn(player="discriminator", loss=self.discriminator_loss),
        )
        return [Stage(name="train", turns=turns)]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, a, b = self.config, batch["a"], batch["b"]
        fake_a, fake_b = nets.to_a(b), nets.to_b(a)
        ctx.save(fake_a=fake_a, fake_b=fake_b)
        terms = {
            "adversarial_a": self._fooled(nets.judge_a(fake_a)),
            "adversarial_b": self._fooled(nets.judge_b(fake_b)),
        }
        if config.cycle_weight:
            terms["cycle_a"] = config.cycle_weight * F.l1_loss(nets.to_a(fake_b), a)
            terms["cycle_b"] = config.cycle_weight * F.l1_loss(nets.to_b(fake_a), b)
        if weight := config.cycle_weight * config.identity_weight:
            terms["identity_a"] = weight * F.l1_loss(nets.to_a(a), a)
            terms["identity_b"] = weight * F.l1_loss(nets.to_b(b), b)
        return terms

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        terms: dict[str, Tensor] = {}
        pools = {"a": nets.pool_a, "b": nets.pool_b}
        for key, judge in (("a", nets.judge_a), ("b", nets.judge_b)):
            real, fake = judge(batch[key]), judge(pools[key](ctx.saved[f"fake_{key}"], ctx))
            terms |= self._told_apart(real, fake, key)
            ctx.log(**{f"D_{key}(x)": self._answer(real), f"D_{key}(G(x))": self._answer(fake)})
        return terms

    def translations(self) -> Sequence[Translation]:
        return [
            Translation(to="b", reads="a", multiple=MULTIPLE),
            Translation(to="a", reads="b", multiple=MULTIPLE),
        ]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        generator = {"a": nets.to_a, "b": nets.to_b}[to]
        translated: Tensor = generator(image)
        return translated

    def _fooled(self, answers: Tensor) -> Tensor:
        return losses.non_saturating(answers) if self.config.loss != "lsgan" else 2 * losses.least_squares(answers, 1)

    def _told_apart(self, real: Tensor, fake: Tensor, key: str) -> dict[str, Tensor]:
        if self.config.loss == "lsgan":  # whose functions have the half
            judged = losses.least_squares(real, 1), losses.least_squares(fake, 0)
        else:
            judged = losses.bce_real(real) / 2, losses.bce_fake(fake) / 2
        return {f"real_{key}": judged[0], f"fake_{key}": judged[1]}

    def _answer(self, answers: Tensor) -> Tensor:
        return answers.mean() if self.config.loss == "lsgan" else answers.sigmoid().mean()

    def _player(self, name: str, modules: tuple[str, ...], lr: float, *, ema: float | None) -> Player:
        optimizer = Adam(lr=lr, betas=(self.config.beta1, 0.999))
        return Player(name=name, modules=modules, optimizer=optimizer, ema=ema)

    def _check(self, size: tuple[int, int]) -> None:
        if any(side % MULTIPLE for side in size):
            raise UsageError(
                f"images of {size[0]}x{size[1]} do not fit these networks, which halve twice; set data.resolution to "
                f"{max(MULTIPLE, min(size) // MULTIPLE * MULTIPLE)}, for example"
            )
        if self.config.identity_weight and self.data.shape_of("a") != self.data.shape_of("b"):
            raise UsageError(
                "the identity loss needs both domains to have as many channels: set data.channels, or "
                "model.identity_weight=0"
            )
