"""Two perceptrons with the losses of Goodfellow et al. 2014."""

from __future__ import annotations

from torch import nn

from gancli import losses
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, alternate, two_players
from gancli.latent import LatentSampler
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_mini.plugin import Config


class Mini(Family[Config], LatentSampler):
    """A generator and a discriminator."""

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        return {
            "generator": mlp_generator(config.latent_dim, [config.width], data, activation=nn.LeakyReLU),
            "discriminator": mlp_discriminator(data, [config.width], activation=nn.LeakyReLU),
        }

    def players(self) -> list[Player]:
        adam = Adam(lr=5e-4, betas=(0.5, 0.999))
        return two_players(adam, adam)

    def stages(self) -> list[Stage]:
        turns = alternate(discriminator=self.discriminator_loss, generator=self.generator_loss)
        return [Stage(name="train", turns=turns)]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real = batch["image"]
        fake = nets.generator(self.latent(len(real), ctx))
        return losses.discriminator_terms(nets.discriminator(real), nets.discriminator(fake), "bce")

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self.latent(len(batch["image"]), ctx))
        return losses.generator_terms(nets.discriminator(fake), "bce")
