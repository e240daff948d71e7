"""The game of Mirza and Osindero 2014: both players are told the label y.

Fakes carry the labels of the real batch, so that their labels are as frequent as the data's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from torch import Tensor, nn

from gancli import latent, losses
from gancli.errors import UsageError
from gancli.family import SGD, Adam, Batch, Context, Exponential, Family, Linear, Losses, Nets, Player, Stage, Turn
from gancli.nn.dcgan import initialise_normal, strided_discriminator, strided_generator
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_cgan import networks
from gancli_cgan.config import Config

PAPER_MOMENTUM_IMAGES = 250 * 50_000
"""The momentum rises over 250 epochs of 50,000 images, as in the 2014 GAN whose optimizer the paper takes over."""


class CGAN(Family[Config]):
    """Conditional generator and discriminator; perceptrons where the data are points."""

    optimum_values = losses.optimal("discriminator")

    def build(self) -> dict[str, nn.Module]:
        config, data, labels = self.config, self.data, len(self.data.labels)
        if data.kind == "points":
            if config.architecture == "maxout":
                raise UsageError("the maxout networks draw images, not points; leave model.architecture out for points")
            beside = replace(data, channels=data.channels + labels)
            leaky = partial(nn.LeakyReLU, 0.2)
            generator = mlp_generator(config.latent_dim + labels, config.points_widths, data, activation=nn.ReLU)
            discriminator = mlp_discriminator(beside, config.points_widths, activation=leaky)
            return {"generator": networks.Joined(generator), "discriminator": networks.WithMaps(discriminator)}
        if config.architecture == "maxout":
            return {
                "generator": networks.MaxoutGenerator(config.latent_dim, data),
                "discriminator": networks.MaxoutDiscriminator(data),
            }
        return {
            "generator": initialise_normal(
                networks.Joined(strided_generator(config.latent_dim + labels, data.shape, channels=config.channels))
            ),
            "discriminator": initialise_normal(self._convolutional_discriminator()),
        }

    def players(self) -> Sequence[Player]:
        return [
            self._player("generator", self.config.generator_lr, ema=0.0),
            self._player("discriminator", self.config.discriminator_lr, ema=None),
        ]

    def stages(self) -> Sequence[Stage]:
        turns = (
            Turn(player="generator", loss=self.generator_loss),
            Turn(player="discriminator", loss=self.discriminator_loss),
        )
        return [Stage(name="train", turns=turns)]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        label = self._weights(batch["label"])
        fake = nets.generator(self.latent(len(label), ctx), label)
        ctx.save(fake=fake)
        return {"adversarial": losses.non_saturating(nets.discriminator(fake, label))}

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        label = self._weights(batch["label"])
        real, fake = nets.discriminator(batch["image"], label), nets.discriminator(ctx.saved["fake"], label)
        ctx.log(**losses.discriminator_stats(real, fake))
        return {"real": losses.bce_real(real), "fake": losses.bce_fake(fake)}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return latent.noise(self.config.noise, n, self.config.latent_dim, ctx)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None:
            raise UsageError("this family draws nothing without a label")
        images: Tensor = nets.generator(z, self._weights(label))
        return images

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None:
            raise UsageError("this family's discriminator judges nothing without a label")
        logits: Tensor = nets.discriminator(image, self._weights(label))
        return logits.squeeze(1).sigmoid()

    def _weights(self, label: Tensor) -> Tensor:
        return latent.label_weights(label, len(self.data.labels))

    def _convolutional_discriminator(self) -> nn.Module:
        config, shape, labels = self.config, self.data.shape, len(self.data.labels)
        if config.condition == "projection":
            return networks.Projection(shape, labels, channels=config.channels, noise=config.instance_noise)
        beside = (shape[0] + labels, *shape[1:])
        network = strided_discriminator(beside, channels=config.channels)
        return networks.WithMaps(network, noise=config.instance_noise)

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        if self.config.architecture == "maxout":
            return Player(
                name=name,
                modules=(name,),
                optimizer=SGD(lr=0.1, momentum=0.5),
                lr_schedule=Exponential(divisor=1.00004, floor=1e-5),
                momentum_schedule=Linear(first=1.0, last=1.4, start=0, end=PAPER_MOMENTUM_IMAGES),
                ema=ema,
            )
        optimizer = Adam(lr=lr, betas=(self.config.beta1, 0.999))
        return Player(name=name, modules=(name,), optimizer=optimizer, ema=ema)
