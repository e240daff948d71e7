"""The game of Isola et al. 2017: the discriminator tells real pairs from pairs of a source and its translation, while
the generator is held to the target by L1.

The discriminator's loss is halved, as in the paper, which slows it down. The generator moves first, so that its images
serve both turns; the authors' discriminator moves first, on the same images.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Translation, Turn
from gancli.nn.dcgan import initialise_normal
from gancli.nn.patch_discriminator import patch_discriminator
from gancli.nn.unet import UNet, unet_levels
from gancli_pix2pix.config import Config


class Pix2Pix(Family[Config]):
    """A U-Net from `source` to `target`, and a PatchGAN that sees both."""

    optimum_values = losses.optimal("discriminator")

    def build(self) -> dict[str, nn.Module]:
        config, size = self.config, (self.data.height, self.data.width)
        before, after = (self.data.shape_of(key)[0] for key in ("source", "target"))
        generator = UNet(
            before,
            after,
            levels=unet_levels(size),
            channels=config.channels,
            dropout=config.dropout,
            norm=config.norm,
        )
        networks = {"generator": initialise_normal(generator)}
        if config.adversarial:
            networks["discriminator"] = initialise_normal(
                patch_discriminator(
                    before + after,
                    size,
                    receptive_field=config.receptive_field,
                    channels=config.channels,
                    norm=config.norm,
                )
            )
        return networks

    def players(self) -> Sequence[Player]:
        config = self.config
        generator = self._player("generator", config.generator_lr, ema=0.0)
        if not config.adversarial:
            return [generator]
        return [generator, self._player("discriminator", config.discriminator_lr, ema=None)]

    def stages(self) -> Sequence[Stage]:
        config = self.config
        if not config.adversarial and not config.l1_weight:
            raise UsageError("with model.adversarial=false and model.l1_weight=0 there is nothing to learn; set one")
        turns = [Turn(player="generator", loss=self.generator_loss)]
        if config.adversarial:
            turns.append(Turn(player="discriminator", loss=self.discriminator_loss))
        return [Stage(name="train", turns=tuple(turns))]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        source, target = batch["source"], batch["target"]
        fake = nets.generator(source)
        terms = {}
        if self.config.adversarial:
            ctx.save(fake=fake)
            terms["adversarial"] = losses.non_saturating(nets.discriminator(torch.cat((source, fake), 1)))
        if self.config.l1_weight:
            terms["l1"] = self.config.l1_weight * F.l1_loss(fake, target)
        return terms

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        source = batch["source"]
        real = nets.discriminator(torch.cat((source, batch["target"]), 1))
        fake = nets.discriminator(torch.cat((source, ctx.saved["fake"]), 1))
        ctx.log(**losses.discriminator_stats(real, fake))
        return {"real": losses.bce_real(real) / 2, "fake": losses.bce_fake(fake) / 2}

    def translations(self) -> Sequence[Translation]:
        multiple = 1 << unet_levels((self.data.height, self.data.width))
        return [Translation(to="target", reads="source", truth="target", multiple=multiple)]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        translated: Tensor = nets.generator(image)
        return translated

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        optimizer = Adam(lr=lr, betas=(self.config.beta1, 0.999))
        return Player(name=name, modules=(name,), optimizer=optimizer, ema=ema)
