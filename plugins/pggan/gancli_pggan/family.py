"""The progressive growing of GANs of Karras et al. 2018: Wasserstein loss with gradient penalty and drift, level by
level.

Each level is first faded in, so that the layers that are already trained adapt gradually, then trained without a fade.
During the fade, real images are blurred as much as generated ones, so that the discriminator cannot distinguish them by
their sharpness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, alternate, two_players
from gancli.latent import LatentSampler
from gancli_pggan import networks
from gancli_pggan.config import Config
from gancli_pggan.networks import Size

EMA = 0.999
"""Decay of the averaged generator per update."""


class PGGAN(Family[Config], LatentSampler):
    """A generator and a discriminator that grow together."""

    @property
    def sizes(self) -> list[Size]:
        """Sizes (height, width) of all levels.

        Raises:
            UsageError: the data are not supported.
        """
        if self.data.kind == "points":
            raise UsageError("pggan does not support points; set another data.source, or use the family gan")
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
        config = self.config
        generator, discriminator = two_players(
            Adam(lr=config.generator_lr, betas=config.betas), Adam(lr=config.discriminator_lr, betas=config.betas)
        )
        return [replace(generator, ema=EMA), discriminator]

    def stages(self) -> Sequence[Stage]:
        return list(self._stages())

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, real = self.config, batch["image"]
        level, fade = self._level_and_fade(ctx.stage, ctx.fade)
        if fade is not None:
            real = networks.mix(networks.enlarge(F.avg_pool2d(real, 2)), real, fade)
        fake = nets.generator(self.latent(len(real), ctx), level, fade)
        real_scores = nets.discriminator(real, level, fade)
        fake_scores = nets.discriminator(fake, level, fade)
        ctx.log(**{"D(x)": real_scores.mean(), "D(G(z))": fake_scores.mean()})
        if config.loss == "lsgan":
            return losses.discriminator_terms(real_scores, fake_scores, "lsgan")
        terms = losses.discriminator_terms(real_scores, fake_scores, "wasserstein")
        terms["drift"] = config.drift * real_scores.square().mean()
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
        level, fade = self._level_and_fade(ctx.stage, ctx.fade)
        fake = nets.generator(self.latent(len(batch["image"]), ctx), level, fade)
        scores = nets.discriminator(fake, level, fade)
        return losses.generator_terms(scores, "lsgan" if self.config.loss == "lsgan" else "wasserstein")

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Generate images of the size of the current level."""
        images: Tensor = nets.generator(z, *self._level_and_fade(nets.stage, z.new_full((), nets.fade)))
        return images.clamp(-1, 1)

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return scores, which depend on the whole batch; images larger than the level are averaged over squares."""
        level, fade = self._level_and_fade(nets.stage, image.new_full((), nets.fade))
        factor = image.shape[2] // self.sizes[level][0]
        scores: Tensor = nets.discriminator(F.avg_pool2d(image, factor) if factor > 1 else image, level, fade)
        return scores.squeeze(1)

    def _stages(self) -> Iterator[Stage]:
        config = self.config
        turns = alternate(discriminator=self.discriminator_loss, generator=self.generator_loss)
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

    def _level_and_fade(self, stage: Stage | None, fade: Tensor) -> tuple[int, Tensor | None]:
        """Return the level of a stage and the progress of its fade (None: no fade); without a stage, the last level."""
        if stage is None or stage.resolution is None:
            return len(self.sizes) - 1, None
        return self.sizes.index(stage.resolution), fade if stage.fade else None
