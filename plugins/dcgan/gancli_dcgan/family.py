"""The DCGAN of Radford et al. 2015: convolutional networks with the losses of Goodfellow et al. 2014.

The discriminator's loss is the sum of its two cross entropies. Real and fake images are separate batches, because batch
normalisation would mix their statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from gancli import losses
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, alternate, two_players
from gancli.latent import LatentSampler
from gancli.nn.dcgan import initialise_normal, strided_discriminator, strided_generator
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_dcgan.config import Config


class DCGAN(Family[Config], LatentSampler):
    """Convolutional generator and discriminator; perceptrons if the data are points."""

    optimum_values = losses.optimal("discriminator")

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        if data.kind == "points":
            leaky = partial(nn.LeakyReLU, 0.2)
            return {
                "generator": mlp_generator(config.latent_dim, config.points_widths, data, activation=nn.ReLU),
                "discriminator": mlp_discriminator(data, config.points_widths, activation=leaky),
            }
        return {
            "generator": initialise_normal(
                strided_generator(config.latent_dim, data.shape, channels=config.channels, kernel=config.kernel)
            ),
            "discriminator": initialise_normal(
                strided_discriminator(
                    data.shape, channels=config.channels, kernel=config.kernel, noise=config.instance_noise
                )
            ),
        }

    def players(self) -> Sequence[Player]:
        config = self.config
        adam = partial(Adam, betas=(config.beta1, 0.999), weight_decay=config.weight_decay)
        return two_players(adam(lr=config.generator_lr), adam(lr=config.discriminator_lr))

    def stages(self) -> Sequence[Stage]:
        if self.config.order == "generator_first":
            turns = alternate(generator=self.generator_loss, discriminator=self.discriminator_loss)
        else:
            turns = alternate(discriminator=self.discriminator_loss, generator=self.generator_loss)
        return [Stage(name="train", turns=turns)]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self._latent_of_step(batch, ctx))
        ctx.save(fake=fake)
        return losses.generator_terms(nets.discriminator(fake), "bce")

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        images = ctx.saved.get("fake")
        if images is None:
            images = nets.generator(self._latent_of_step(batch, ctx))
        real, fake = nets.discriminator(batch["image"]), nets.discriminator(images)
        ctx.log(**losses.discriminator_stats(real, fake))
        return losses.discriminator_terms(real, fake, "bce")

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = nets.discriminator(image)
        return logits.squeeze(1).sigmoid()

    def optimal_discriminator(self, data_density: Tensor, model_density: Tensor) -> Tensor:
        """Return the optimal D, proposition 1 of Goodfellow et al. 2014."""
        return data_density / (data_density + model_density)

    def _latent_of_step(self, batch: Batch, ctx: Context) -> Tensor:
        """Return the z of this step, which both players use."""
        if "z" not in ctx.saved:
            ctx.save(z=self.latent(len(batch["image"]), ctx))
        return ctx.saved["z"]
