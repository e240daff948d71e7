"""The GAN of Goodfellow et al. 2014.

The discriminator's loss is the mean, not the sum, of its two cross entropies, as in the authors' code. The logged value
function is that of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import (
    Adam,
    Batch,
    Context,
    Family,
    Losses,
    Nets,
    Player,
    Stage,
    alternate,
    maxout_players,
    two_players,
)
from gancli.latent import LatentSampler
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_gan import networks
from gancli_gan.config import Config


class GAN(Family[Config], LatentSampler):
    """Fully connected generator and discriminator, for images and for points."""

    optimum_values = losses.optimal("discriminator")

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        if config.architecture == "maxout":
            if data.kind == "points":
                raise UsageError("the maxout networks cannot generate points; remove model.architecture")
            return {
                "generator": networks.maxout_generator(config.latent_dim, data.shape),
                "discriminator": networks.maxout_discriminator(data.shape),
            }
        activation = partial(nn.LeakyReLU, config.slope)
        return {
            "generator": mlp_generator(
                config.latent_dim,
                config.generator_widths,
                data,
                activation=activation,
                batch_norm=config.batch_norm,
            ),
            "discriminator": mlp_discriminator(
                data, config.discriminator_widths, activation=activation, dropout=config.dropout
            ),
        }

    def players(self) -> Sequence[Player]:
        config = self.config
        if config.architecture == "maxout":
            return maxout_players(divisor=1.000004)
        betas = (config.beta1, 0.999)
        return two_players(Adam(lr=config.generator_lr, betas=betas), Adam(lr=config.discriminator_lr, betas=betas))

    def stages(self) -> Sequence[Stage]:
        turns = alternate(
            discriminator=self.discriminator_loss,
            generator=self.generator_loss,
            repeat=self.config.discriminator_steps,
        )
        return [Stage(name="train", turns=turns)]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        images = batch["image"]
        real = nets.discriminator(images)
        fake = nets.discriminator(nets.generator(self.latent(len(images), ctx)))
        ctx.log(**losses.discriminator_stats(real, fake))
        terms = {"adversarial": (losses.bce_real(real) + losses.bce_fake(fake)) / 2}
        if self.config.r1 and ctx.step % self.config.r1_every == 0:
            weight = self.config.r1 * self.config.r1_every
            terms["penalty"] = weight * losses.r1(nets.uncompiled.discriminator, images)
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.discriminator(nets.generator(self.latent(len(batch["image"]), ctx)))
        loss = losses.saturating if self.config.generator_loss == "saturating" else losses.non_saturating
        return {"adversarial": loss(fake)}

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = nets.discriminator(image)
        return logits.squeeze(1).sigmoid()

    def optimal_discriminator(self, data_density: Tensor, model_density: Tensor) -> Tensor:
        """Return the optimal D, proposition 1 of the paper."""
        return data_density / (data_density + model_density)
