"""The game of Goodfellow et al. 2014.

The discriminator's loss is the mean, not the sum, of its two cross entropies, as in the authors' code; the logged value
function is the paper's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from gancli import latent, losses
from gancli.family import (
    SGD,
    Adam,
    Batch,
    Context,
    Exponential,
    Family,
    Linear,
    Nets,
    Player,
    Stage,
    Terms,
    Turn,
)
from gancli_gan import networks
from gancli_gan.config import Config

PAPER_MOMENTUM_IMAGES = 250 * 50_000
"""The paper's momentum rises over its first 250 epochs of 50,000 images."""


class GAN(Family[Config]):
    """Fully connected generator and discriminator."""

    references = {
        "discriminator/D(x)": 0.5,
        "discriminator/D(G(z))": 0.5,
        "discriminator/V(D,G)": -math.log(4),
    }

    def build(self) -> dict[str, nn.Module]:
        config, shape = self.config, self.data.shape
        if config.architecture == "maxout":
            return {
                "generator": networks.maxout_generator(config.latent_dim, shape),
                "discriminator": networks.maxout_discriminator(shape),
            }
        return {
            "generator": networks.mlp_generator(
                config.latent_dim,
                config.generator_widths,
                shape,
                batch_norm=config.batch_norm,
                slope=config.slope,
            ),
            "discriminator": networks.mlp_discriminator(
                shape, config.discriminator_widths, dropout=config.dropout, slope=config.slope
            ),
        }

    def players(self) -> Sequence[Player]:
        return [
            self._player("generator", self.config.generator_lr, ema=0.0),
            self._player("discriminator", self.config.discriminator_lr, ema=None),
        ]

    def stages(self) -> Sequence[Stage]:
        return [
            Stage(
                name="train",
                turns=(
                    Turn(
                        player="discriminator",
                        loss=self.discriminator_loss,
                        repeat=self.config.discriminator_steps,
                    ),
                    Turn(player="generator", loss=self.generator_loss),
                ),
            )
        ]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Terms:
        images = batch["image"]
        real = nets.discriminator(images)
        fake = nets.discriminator(nets.generator(self.latent(len(images), ctx)))
        ctx.observe(
            **{
                "D(x)": real.sigmoid().mean(),
                "D(G(z))": fake.sigmoid().mean(),
                "V(D,G)": losses.value(real, fake),
            }
        )
        terms = {"adversarial": (losses.real(real) + losses.fake(fake)) / 2}
        if self.config.r1 and ctx.step % self.config.r1_every == 0:
            weight = self.config.r1 * self.config.r1_every
            terms["penalty"] = weight * losses.r1(nets.eager.discriminator, images)
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Terms:
        fake = nets.discriminator(nets.generator(self.latent(len(batch["image"]), ctx)))
        loss = losses.saturating if self.config.generator_loss == "saturating" else losses.non_saturating
        return {"adversarial": loss(fake)}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return latent.noise(self.config.noise, n, self.config.latent_dim, ctx)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = nets.generator(z)
        return images

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        if self.config.architecture == "maxout":
            return Player(
                name=name,
                modules=(name,),
                optimizer=SGD(lr=0.1, momentum=0.5),
                lr_schedule=Exponential(divisor=1.000004, floor=1e-5),
                momentum_schedule=Linear(first=1.0, last=1.4, start=0, end=PAPER_MOMENTUM_IMAGES),
                ema=ema,
            )
        optimizer = Adam(lr=lr, betas=(self.config.beta1, 0.999))
        return Player(name=name, modules=(name,), optimizer=optimizer, ema=ema)
