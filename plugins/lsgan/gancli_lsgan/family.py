"""The least squares GAN of Mao et al. 2017. The discriminator has no sigmoid: the loss squares its unbounded output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, RMSprop, Stage, alternate, two_players
from gancli.latent import LatentSampler
from gancli.nn.dcgan import initialise_normal, strided_discriminator, strided_generator
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_lsgan import networks
from gancli_lsgan.config import Config

POINTS_GAIN = 1.4
"""Gain of the orthogonal initialisation of the perceptrons, from the authors' script for mixtures of Gaussians."""


class LSGAN(Family[Config], LatentSampler):
    """Least squares losses for the networks of DCGAN or of the paper; perceptrons if the data are points."""

    @property
    def optimum_values(self) -> Mapping[str, float]:  # type: ignore[override]
        """Outputs and loss of the optimal discriminator once both distributions are equal."""
        a, b, _ = self.config.coding
        middle = (a + b) / 2
        return {
            "discriminator/D(x)": middle,
            "discriminator/D(G(z))": middle,
            "discriminator/real": (middle - b) ** 2 / 2,
            "discriminator/fake": (middle - a) ** 2 / 2,
        }

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        if data.kind == "points":
            if config.architecture != "dcgan":
                raise UsageError("architecture lsun cannot generate points; remove model.architecture")
            return {
                "generator": _orthogonal(
                    mlp_generator(config.latent_dim, config.points_widths, data, activation=nn.Tanh)
                ),
                "discriminator": _orthogonal(
                    mlp_discriminator(data, config.points_widths, activation=nn.Tanh, noise=config.instance_noise)
                ),
            }
        if config.architecture == "lsun":
            pair = (
                networks.lsun_generator(config.latent_dim, data.shape),
                networks.lsun_discriminator(data.shape),
            )
        else:
            norm = nn.BatchNorm2d if config.batch_norm != "none" else None
            pair = (
                strided_generator(
                    config.latent_dim, data.shape, channels=config.channels, norm=config.batch_norm == "both"
                ),
                strided_discriminator(data.shape, channels=config.channels, norm=norm, noise=config.instance_noise),
            )
        return {name: initialise_normal(net) for name, net in zip(("generator", "discriminator"), pair, strict=True)}

    def players(self) -> Sequence[Player]:
        config = self.config
        optimizer = partial(Adam, betas=(config.beta1, 0.999)) if config.optimizer == "adam" else RMSprop
        return two_players(optimizer(lr=config.generator_lr), optimizer(lr=config.discriminator_lr))

    def stages(self) -> Sequence[Stage]:
        turns = alternate(generator=self.generator_loss, discriminator=self.discriminator_loss)
        return [Stage(name="train", turns=turns)]

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self.latent(len(batch["image"]), ctx))
        ctx.save(fake=fake)
        return {"adversarial": losses.least_squares(nets.discriminator(fake), self.config.coding[2])}

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        a, b, _ = self.config.coding
        real, fake = nets.discriminator(batch["image"]), nets.discriminator(ctx.saved["fake"])
        ctx.log(**{"D(x)": real.mean(), "D(G(z))": fake.mean()})
        return {"real": losses.least_squares(real, b), "fake": losses.least_squares(fake, a)}

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        outputs: Tensor = nets.discriminator(image)
        return outputs.squeeze(1)

    def optimal_discriminator(self, data_density: Tensor, model_density: Tensor) -> Tensor:
        """Return the optimal D, equation 5 of the paper."""
        a, b, _ = self.config.coding
        return (b * data_density + a * model_density) / (data_density + model_density)


def _orthogonal(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.orthogonal_(module.weight, POINTS_GAIN if math.prod(module.weight.shape) > 1 else 1.0)
            nn.init.zeros_(module.bias)
    return network
