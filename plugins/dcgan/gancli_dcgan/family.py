"""The game of Goodfellow et al. 2014 between the networks of Radford et al. 2015.

The discriminator's loss is the sum of its two cross entropies, each over a batch of its own, since batch normalisation
would mix real and fake statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from gancli import latent, losses
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Turn
from gancli.nn.dcgan import initialise_normal, strided_discriminator, strided_generator
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_dcgan.config import Config


class DCGAN(Family[Config]):
    """Convolutional generator and discriminator; perceptrons where the data are points."""

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
        return [
            self._player("generator", self.config.generator_lr, ema=0.0),
            self._player("discriminator", self.config.discriminator_lr, ema=None),
        ]

    def stages(self) -> Sequence[Stage]:
        generator = Turn(player="generator", loss=self.generator_loss)
        discriminator = Turn(player="discriminator", loss=self.discriminator_loss)
        first = self.config.order == "generator_first"
        return [Stage(name="train", turns=(generator, discriminator) if first else (discriminator, generator))]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self._latent_of_step(batch, ctx))
        ctx.save(fake=fake)
        return {"adversarial": losses.non_saturating(nets.discriminator(fake))}

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        images = ctx.saved.get("fake")
        if images is None:
            images = nets.generator(self._latent_of_step(batch, ctx))
        real, fake = nets.discriminator(batch["image"]), nets.discriminator(images)
        ctx.log(**losses.discriminator_stats(real, fake))
        return {"real": losses.bce_real(real), "fake": losses.bce_fake(fake)}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return latent.noise(self.config.noise, n, self.config.latent_dim, ctx)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = nets.generator(z)
        return images

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = nets.discriminator(image)
        return logits.squeeze(1).sigmoid()

    def optimal_discriminator(self, data_density: Tensor, model_density: Tensor) -> Tensor:
        """Goodfellow et al. 2014, proposition 1."""
        return data_density / (data_density + model_density)

    def _latent_of_step(self, batch: Batch, ctx: Context) -> Tensor:
        """Both players of a step are judged on the same z."""
        if "z" not in ctx.saved:
            ctx.save(z=self.latent(len(batch["image"]), ctx))
        return ctx.saved["z"]

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        config = self.config
        optimizer = Adam(lr=lr, betas=(config.beta1, 0.999), weight_decay=config.weight_decay)
        return Player(name=name, modules=(name,), optimizer=optimizer, ema=ema)
