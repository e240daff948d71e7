"""The Wasserstein GAN of Arjovsky et al. 2017 with the gradient penalty of Gulrajani et al. 2017.

All losses are means over the batch. The critic never uses batch normalisation, because the penalty applies to single
images.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from gancli import losses
from gancli.family import Batch, Context, Family, Losses, Nets, Player, Stage, alternate, critic_players
from gancli.latent import LatentSampler
from gancli.nn.dcgan import strided_discriminator, strided_generator
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_wgan_gp import networks
from gancli_wgan_gp.config import Config

GREY_LEVEL = 2 / 255


class WGANGP(Family[Config], LatentSampler):
    """A generator and a critic."""

    optimum_values = {"critic/distance": 0.0}

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        if data.kind == "points":
            widths = config.points_widths
            generator = mlp_generator(config.latent_dim, widths, data, activation=nn.ReLU)
            critic = mlp_discriminator(data, widths, activation=nn.ReLU)
        elif config.architecture == "resnet":
            generator = networks.resnet_generator(config.latent_dim, data.shape, config.channels)
            critic = networks.resnet_critic(data.shape, config.channels)
        else:
            strided = partial(strided_generator, config.latent_dim, data.shape, kernel=5, bias=True)
            generator = strided(channels=config.channels, norm=config.batch_norm)
            critic = strided_discriminator(data.shape, channels=config.channels, kernel=5, norm=None, bias=True)
        return {"generator": networks.initialise(generator), "critic": networks.initialise(critic)}

    def players(self) -> Sequence[Player]:
        config = self.config
        clip = config.clip if config.penalty == "clip" else None
        return critic_players(config.generator_lr, config.critic_lr, betas=config.betas, clip=clip)

    def stages(self) -> Sequence[Stage]:
        turns = alternate(critic=self.critic_loss, generator=self.generator_loss, repeat=self.config.critic_steps)
        return [Stage(name="train", turns=turns)]

    def critic_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real = batch["image"]
        if self.config.dequantize and self.data.kind == "image":
            real = real + GREY_LEVEL * ctx.rand(*real.shape)
        fake = nets.generator(self.latent(len(real), ctx))
        terms = losses.discriminator_terms(nets.critic(real), nets.critic(fake), "wasserstein")
        ctx.log(distance=-terms["adversarial"])
        if self.config.penalty == "gradient":
            penalty = losses.gradient_penalty(nets.uncompiled.critic, real, fake, ctx.rand(len(real)))
            terms["penalty"] = self.config.penalty_weight * penalty
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self.latent(len(batch["image"]), ctx))
        return losses.generator_terms(nets.critic(fake), "wasserstein")

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        scores: Tensor = nets.critic(image)
        return scores.squeeze(1)
