"""The pix2pix of Isola et al. 2017: the discriminator distinguishes real pairs from pairs of a source and its
translation, and an L1 loss keeps translations close to the target.

The discriminator's loss is halved, as in the paper, which slows it down. The generator is updated first, so that both
turns use the same generated images; the authors update the discriminator first, on the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Translation, alternate, two_players
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
        adam = partial(Adam, betas=(config.beta1, 0.999))
        discriminator = adam(lr=config.discriminator_lr) if config.adversarial else None
        return two_players(adam(lr=config.generator_lr), discriminator)

    def stages(self) -> Sequence[Stage]:
        config = self.config
        if not config.adversarial and not config.l1_weight:
            raise UsageError("no loss is left with model.adversarial=false and model.l1_weight=0; set one of them")
        turns = alternate(generator=self.generator_loss, discriminator=self.discriminator_loss)
        return [Stage(name="train", turns=turns if config.adversarial else turns[:1])]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        source, target = batch["source"], batch["target"]
        fake = nets.generator(source)
        terms: dict[str, Tensor] = {}
        if self.config.adversarial:
            ctx.save(fake=fake)
            terms = losses.generator_terms(nets.discriminator(torch.cat((source, fake), 1)), "bce")
        if self.config.l1_weight:
            terms["l1"] = self.config.l1_weight * F.l1_loss(fake, target)
        return terms

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        source = batch["source"]
        real = nets.discriminator(torch.cat((source, batch["target"]), 1))
        fake = nets.discriminator(torch.cat((source, ctx.saved["fake"]), 1))
        ctx.log(**losses.discriminator_stats(real, fake))
        return {name: term / 2 for name, term in losses.discriminator_terms(real, fake, "bce").items()}

    def translations(self) -> Sequence[Translation]:
        multiple = 1 << unet_levels((self.data.height, self.data.width))
        return [Translation(to="target", reads="source", truth="target", multiple=multiple)]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        translated: Tensor = nets.generator(image)
        return translated
