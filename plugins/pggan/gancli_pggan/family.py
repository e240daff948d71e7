"""The game of Karras et al. 2018: Wasserstein with gradient penalty and drift, level by level.

Each level is first faded in, which softens the shock to the layers that are trained already, then trained as it is.
While a level fades in, real images lose detail to the same degree as generated ones, or the discriminator would tell
them by their sharpness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Turn
from gancli_pggan import networks
from gancli_pggan.config import Config
from gancli_pggan.networks import Size

EMA = 0.999
"""Of the generator, per update."""


class PGGAN(Family[Config]):
    """A generator and a discriminator that grow together."""

    @property
    def sizes(self) -> list[Size]:
        """(height, width) of every level.

        Raises:
            UsageError: there are no such networks for the data.
        """
        if self.data.kind == "points":
            raise UsageError("pggan draws images, not points; choose another data.source, or the family gan for points")
        return networks.sizes((self.data.height, self.data.width))

    def build(self) -> dict[str, nn.Module]:
        config, sizes = self.config, self.sizes
        shape = (self.data.channels, *sizes[0])
        channels = networks.channels(len(sizes), base=config.channels_base, most=config.channels_max)
        return {
            "generator": networks.Generator(
                config.latent_dim, shape, channels, normalise_latent=config.normalise_latent
            ),
            "discriminator": networks.Discriminator(shape, channels, group=config.minibatch_stddev_group),
        }

    def players(self) -> Sequence[Player]:
        return [
            self._player("generator", self.config.generator_lr, ema=EMA),
            self._player("discriminator", self.config.discriminator_lr, ema=None),
        ]

    def stages(self) -> Sequence[Stage]:
        return list(self._stages())

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, real = self.config, batch["image"]
        level, fade = self._place(ctx.stage, ctx.fade)
        if fade is not None:
            real = networks.mix(networks.enlarge(F.avg_pool2d(real, 2)), real, fade)
        fake = nets.generator(self.latent(len(real), ctx), level, fade)
        real_scores = nets.discriminator(real, level, fade)
        fake_scores = nets.discriminator(fake, level, fade)
        ctx.log(**{"D(x)": real_scores.mean(), "D(G(z))": fake_scores.mean()})
        if config.loss == "lsgan":
            return {"real": losses.least_squares(real_scores, 1), "fake": losses.least_squares(fake_scores, 0)}
        terms = {
            "adversarial": fake_scores.mean() - real_scores.mean(),
            "drift": config.drift * real_scores.square().mean(),
        }
        if ctx.step % config.penalty_every == 0:
            penalty = losses.gradient_penalty(
                lambda image: nets.uncompiled.discriminator(image, level, fade),
                real,
                fake,
                ctx.rand(len(real)),
                norm=config.gamma,
            )
            terms["penalty"] = config.penalty_weight * config.penalty_every * penalty
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        level, fade = self._place(ctx.stage, ctx.fade)
        fake = nets.generator(self.latent(len(batch["image"]), ctx), level, fade)
        scores = nets.discriminator(fake, level, fade)
        return {"adversarial": losses.least_squares(scores, 1) if self.config.loss == "lsgan" else -scores.mean()}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, self.config.latent_dim)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Of the size of the level that the networks stand in."""
        images: Tensor = nets.generator(z, *self._place(nets.stage, z.new_full((), nets.fade)))
        return images.clamp(-1, 1)

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        """The scores of images, which depend on the whole batch; a level sees larger images as means over squares."""
        level, fade = self._place(nets.stage, image.new_full((), nets.fade))
        factor = image.shape[2] // self.sizes[level][0]
        scores: Tensor = nets.discriminator(F.avg_pool2d(image, factor) if factor > 1 else image, level, fade)
        return scores.squeeze(1)

    def _stages(self) -> Iterator[Stage]:
        config = self.config
        turns = (
            Turn(player="discriminator", loss=self.discriminator_loss),
            Turn(player="generator", loss=self.generator_loss),
        )
        last = len(self.sizes) - 1
        for level, size in enumerate(self.sizes):
            name = "x".join(map(str, size))
            sizes = config.batch_sizes
            batch_size = sizes[min(level, len(sizes) - 1)] if sizes else None
            reset = config.reset_optimizers and level > 0
            if level and config.fade_images:
                yield Stage(
                    name=f"{name} fade",
                    turns=turns,
                    images=config.fade_images,
                    batch_size=batch_size,
                    resolution=size,
                    fade=1.0,
                    reset_optimizers=reset,
                )
            yield Stage(
                name=name,
                turns=turns,
                images=config.stable_images if level < last else config.last_stage_images,
                batch_size=batch_size,
                resolution=size,
                reset_optimizers=reset,
            )

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        return Player(name=name, modules=(name,), optimizer=Adam(lr=lr, betas=self.config.betas), ema=ema)

    def _place(self, stage: Stage | None, fade: Tensor) -> tuple[int, Tensor | None]:
        """The level of a stage and, if it fades in, how far that has come; without a stage the last level."""
        if stage is None or stage.resolution is None:
            return len(self.sizes) - 1, None
        return self.sizes.index(stage.resolution), fade if stage.fade else None
