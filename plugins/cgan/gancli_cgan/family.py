"""The conditional GAN of Mirza and Osindero 2014: both networks receive the label y.

Fake images use the labels of the real batch, so labels have the same frequency as in the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from gancli.latent import LatentSampler, label_weights
from gancli.nn.dcgan import initialise_normal, strided_discriminator, strided_generator
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_cgan import networks
from gancli_cgan.config import Config


class CGAN(Family[Config], LatentSampler):
    """Conditional generator and discriminator; perceptrons if the data are points."""

    optimum_values = losses.optimal("discriminator")

    def build(self) -> dict[str, nn.Module]:
        config, data, labels = self.config, self.data, len(self.data.labels)
        if data.kind == "points":
            if config.architecture == "maxout":
                raise UsageError("the maxout networks cannot generate points; remove model.architecture")
            with_labels = replace(data, channels=data.channels + labels)
            leaky = partial(nn.LeakyReLU, 0.2)
            generator = mlp_generator(config.latent_dim + labels, config.points_widths, data, activation=nn.ReLU)
            discriminator = mlp_discriminator(with_labels, config.points_widths, activation=leaky)
            return {"generator": networks.ConcatLabel(generator), "discriminator": networks.LabelMaps(discriminator)}
        if config.architecture == "maxout":
            return {
                "generator": networks.MaxoutGenerator(config.latent_dim, data),
                "discriminator": networks.MaxoutDiscriminator(data),
            }
        return {
            "generator": initialise_normal(
                networks.ConcatLabel(
                    strided_generator(config.latent_dim + labels, data.shape, channels=config.channels)
                )
            ),
            "discriminator": initialise_normal(self._convolutional_discriminator()),
        }

    def players(self) -> Sequence[Player]:
        config = self.config
        if config.architecture == "maxout":
            return maxout_players(divisor=1.00004)
        betas = (config.beta1, 0.999)
        return two_players(Adam(lr=config.generator_lr, betas=betas), Adam(lr=config.discriminator_lr, betas=betas))

    def stages(self) -> Sequence[Stage]:
        turns = alternate(generator=self.generator_loss, discriminator=self.discriminator_loss)
        return [Stage(name="train", turns=turns)]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        label = self._weights(batch["label"])
        fake = nets.generator(self.latent(len(label), ctx), label)
        ctx.save(fake=fake)
        return losses.generator_terms(nets.discriminator(fake, label), "bce")

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        label = self._weights(batch["label"])
        real, fake = nets.discriminator(batch["image"], label), nets.discriminator(ctx.saved["fake"], label)
        ctx.log(**losses.discriminator_stats(real, fake))
        return losses.discriminator_terms(real, fake, "bce")

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None:
            raise UsageError("cgan needs a label to generate images; pass one")
        images: Tensor = nets.generator(z, self._weights(label))
        return images

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None:
            raise UsageError("the discriminator of cgan needs a label; pass one")
        logits: Tensor = nets.discriminator(image, self._weights(label))
        return logits.squeeze(1).sigmoid()

    def _weights(self, label: Tensor) -> Tensor:
        return label_weights(label, len(self.data.labels))

    def _convolutional_discriminator(self) -> nn.Module:
        config, shape, labels = self.config, self.data.shape, len(self.data.labels)
        if config.condition == "projection":
            return networks.Projection(shape, labels, channels=config.channels, noise=config.instance_noise)
        network = strided_discriminator((shape[0] + labels, *shape[1:]), channels=config.channels)
        return networks.LabelMaps(network, noise=config.instance_noise)
