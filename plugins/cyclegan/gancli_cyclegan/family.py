"""The CycleGAN of Zhu et al. 2017: two generators, a discriminator for each domain, and a cycle consistency loss that
compares an image with its translation to the other domain and back.

Both generators are updated together, then both discriminators, on translations of this step or, from the pools, of
earlier steps. As in the authors' code, the losses of the discriminators are halved, those of the generators are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Translation, alternate
from gancli.nn.dcgan import initialise_normal
from gancli.nn.image_buffer import ImagePool
from gancli.nn.layers import NormKind
from gancli.nn.patch_discriminator import patch_discriminator
from gancli.nn.residual import MULTIPLE, residual_generator
from gancli_cyclegan.config import Config


class CycleGAN(Family[Config]):
    """Generators `generator_ab` (from domain a to b) and `generator_ba`; discriminators `discriminator_a` and
    `discriminator_b`; pools `pool_a` and `pool_b` of earlier translations.
    """

    optimum_values = {f"discriminator/D_{key}({image})": 0.5 for key in ("a", "b") for image in ("x", "G(x)")}
    renamed = {
        "to_a": "generator_ba",
        "to_b": "generator_ab",
        "judge_a": "discriminator_a",
        "judge_b": "discriminator_b",
    }

    def build(self) -> dict[str, nn.Module]:
        config, size = self.config, (self.data.height, self.data.width)
        self._check(size)
        channels = {key: self.data.shape_of(key)[0] for key in ("a", "b")}
        norm: NormKind = "instance_affine" if config.norm_affine else "instance"
        networks: dict[str, nn.Module] = {}
        for target, source in (("a", "b"), ("b", "a")):
            networks[f"generator_{source}{target}"] = residual_generator(
                channels[source],
                channels[target],
                blocks=config.blocks or (9 if min(size) >= 256 else 6),
                channels=config.channels,
                norm=norm,
                upsampling=config.upsampling,
            )
            networks[f"discriminator_{target}"] = patch_discriminator(
                channels[target],
                size,
                receptive_field=config.receptive_field,
                channels=config.channels,
                norm=norm,
            )
        pools = {f"pool_{key}": ImagePool(config.pool_size, self.data.shape_of(key)) for key in channels}
        return {name: initialise_normal(network) for name, network in networks.items()} | pools

    def players(self) -> Sequence[Player]:
        config = self.config
        adam = partial(Adam, betas=(config.beta1, 0.999))
        return [
            Player(
                name="generator",
                modules=("generator_ba", "generator_ab"),
                optimizer=adam(lr=config.generator_lr),
                ema=0.0,
            ),
            Player(
                name="discriminator",
                modules=("discriminator_a", "discriminator_b"),
                optimizer=adam(lr=config.discriminator_lr),
            ),
        ]

    def stages(self) -> Sequence[Stage]:
        turns = alternate(generator=self.generator_loss, discriminator=self.discriminator_loss)
        return [Stage(name="train", turns=turns)]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, a, b = self.config, batch["a"], batch["b"]
        fake_a, fake_b = nets.generator_ba(b), nets.generator_ab(a)
        ctx.save(fake_a=fake_a, fake_b=fake_b)
        terms = {
            "adversarial_a": self._adversarial(nets.discriminator_a(fake_a)),
            "adversarial_b": self._adversarial(nets.discriminator_b(fake_b)),
        }
        if config.cycle_weight:
            terms["cycle_a"] = config.cycle_weight * F.l1_loss(nets.generator_ba(fake_b), a)
            terms["cycle_b"] = config.cycle_weight * F.l1_loss(nets.generator_ab(fake_a), b)
        if weight := config.cycle_weight * config.identity_weight:
            terms["identity_a"] = weight * F.l1_loss(nets.generator_ba(a), a)
            terms["identity_b"] = weight * F.l1_loss(nets.generator_ab(b), b)
        return terms

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        terms: dict[str, Tensor] = {}
        discriminators = {"a": nets.discriminator_a, "b": nets.discriminator_b}
        pools = {"a": nets.pool_a, "b": nets.pool_b}
        for key, discriminator in discriminators.items():
            real = discriminator(batch[key])
            fake = discriminator(pools[key](ctx.saved[f"fake_{key}"], ctx))
            for name, term in losses.discriminator_terms(real, fake, self._kind).items():
                terms[f"{name}_{key}"] = term if self._kind == "lsgan" else term / 2  # lsgan terms are halved already
            ctx.log(**{f"D_{key}(x)": self._mean_output(real), f"D_{key}(G(x))": self._mean_output(fake)})
        return terms

    def translations(self) -> Sequence[Translation]:
        return [
            Translation(to="b", reads="a", multiple=MULTIPLE),
            Translation(to="a", reads="b", multiple=MULTIPLE),
        ]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        generator = {"a": nets.generator_ba, "b": nets.generator_ab}[to]
        translated: Tensor = generator(image)
        return translated

    @property
    def _kind(self) -> losses.Kind:
        return "lsgan" if self.config.loss == "lsgan" else "bce"

    def _adversarial(self, outputs: Tensor) -> Tensor:
        loss = losses.generator_terms(outputs, self._kind)["adversarial"]
        return 2 * loss if self._kind == "lsgan" else loss

    def _mean_output(self, outputs: Tensor) -> Tensor:
        return outputs.mean() if self._kind == "lsgan" else outputs.sigmoid().mean()

    def _check(self, size: tuple[int, int]) -> None:
        if any(side % MULTIPLE for side in size):
            raise UsageError(
                f"images of {size[0]}x{size[1]} do not fit the generators, which halve them twice; set "
                f"data.resolution to {max(MULTIPLE, min(size) // MULTIPLE * MULTIPLE)}, for example"
            )
        if self.config.identity_weight and self.data.shape_of("a") != self.data.shape_of("b"):
            raise UsageError(
                "the identity loss needs the same number of channels in both domains; set data.channels, or "
                "model.identity_weight=0"
            )
