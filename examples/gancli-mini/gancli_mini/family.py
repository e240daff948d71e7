"""Who plays, in which order, and for what."""

from __future__ import annotations

from torch import Tensor, nn

from gancli import losses
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Turn
from gancli.nn.mlp import mlp_discriminator, mlp_generator
from gancli_mini.plugin import Config


class Mini(Family[Config]):
    """A generator and a discriminator."""

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        return {
            "generator": mlp_generator(config.latent_dim, [config.width], data, activation=nn.LeakyReLU),
            "discriminator": mlp_discriminator(data, [config.width], activation=nn.LeakyReLU),
        }

    def players(self) -> list[Player]:
        adam = Adam(lr=5e-4, betas=(0.5, 0.999))
        return [Player(name=name, modules=(name,), optimizer=adam) for name in ("generator", "discriminator")]

    def stages(self) -> list[Stage]:
        discriminator = Turn(player="discriminator", loss=self.discriminator_loss)
        return [Stage(name="train", turns=(discriminator, Turn(player="generator", loss=self.generator_loss)))]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real = batch["image"]
        fake = nets.generator(self.latent(len(real), ctx))
        return {"real": losses.bce_real(nets.discriminator(real)), "fake": losses.bce_fake(nets.discriminator(fake))}

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self.latent(len(batch["image"]), ctx))
        return {"adversarial": losses.non_saturating(nets.discriminator(fake))}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, self.config.latent_dim)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = nets.generator(z)
        return images
