"""The EnhanceNet of Sajjadi et al. 2017: a generator adds details to the bicubic upscaling, with losses on pixels (E),
features (P) and textures (T), and an adversarial loss (A).

Low-resolution images are computed on the device with the bytes that a file would have: bicubic downscaling like
MATLAB's, rounded to 8 bits. The generator is updated first, so that both turns use the same generated images.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Turn, alternate, two_players
from gancli.nn.imresize import degrade
from gancli.nn.super_resolution import check_divisible, vgg_discriminator
from gancli.nn.vgg import FeatureNetwork, find_weights
from gancli_enhancenet.config import Config
from gancli_enhancenet.networks import Generator, initialise_xavier
from gancli_enhancenet.perception import distance, texture_distance

CONTENT, TEXTURE = ("pool2", "pool5"), ("relu1_1", "relu2_1", "relu3_1")
MIN_CONTENT_SIDE = 32
"""Smallest side of an image for which pool 5 has one pixel."""

TEXTURE_STRIDE = 4
"""Downscaling factor of the deepest layer of `TEXTURE`."""

DEFAULT_ADVERSARIAL_WEIGHT = 1e-3
"""Weight of the adversarial loss with a pixel loss, for which the paper gives none."""


class EnhanceNet(Family[Config]):
    """A generator, a discriminator if the loss contains A, and `features` if it contains P or T."""

    optimum_values = losses.optimal("discriminator")

    @property
    def scale(self) -> int:
        return self.config.scale

    def build(self) -> dict[str, nn.Module]:
        config, shape = self.config, self.data.shape
        self._check_size()
        generator = Generator(shape[0], scale=config.scale, blocks=config.blocks, channels=config.channels)
        networks = {"generator": initialise_xavier(generator)}
        if "A" in config.loss:
            discriminator = vgg_discriminator(shape, channels=config.discriminator_channels, halvings=5, norm=False)
            networks["discriminator"] = initialise_xavier(discriminator)
        if self._layers:
            networks["features"] = FeatureNetwork(self._layers, file=config.features_file)
        return networks

    def players(self) -> Sequence[Player]:
        config = self.config
        if self._layers:
            find_weights(config.features_file)
        adam = partial(Adam, betas=(config.beta1, 0.999))
        discriminator = adam(lr=config.discriminator_lr) if "A" in config.loss else None
        return two_players(adam(lr=config.generator_lr), discriminator)

    def stages(self) -> Sequence[Stage]:
        config = self.config
        turns = [Turn(player="generator", loss=self.generator_loss)]
        if "A" in config.loss:
            every = config.discriminator_every
            turns.append(Turn(player="discriminator", loss=self.discriminator_loss, every=every))
        return [
            Stage(name="pixels", turns=alternate(generator=self.pixel_loss), images=config.pixel_images),
            Stage(name="train", turns=tuple(turns), reset_optimizers=True),
        ]

    def pixel_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        image = batch["image"]
        return {"pixels": self._pixels(nets.generator(degrade(image, self.scale)), image)}

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        image, config = batch["image"], self.config
        fake = nets.generator(degrade(image, self.scale))
        terms = {"pixels": self._pixels(fake, image)} if "E" in config.loss else {}
        if self._layers:
            terms |= self._perceptual(nets, fake, image)
        if "A" in config.loss:
            ctx.save(fake=fake)
            terms["adversarial"] = self._adversarial_weight * losses.non_saturating(nets.discriminator(fake))
        return terms

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real, fake = nets.discriminator(batch["image"]), nets.discriminator(ctx.saved["fake"])
        ctx.log(**losses.discriminator_stats(real, fake))
        return losses.discriminator_terms(real, fake, "bce")

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        upscaled: Tensor = nets.generator(image)
        return upscaled.clamp(-1, 1)

    def _pixels(self, fake: Tensor, image: Tensor) -> Tensor:
        return self.config.pixel_weight * F.mse_loss(fake, image) / 4  # as for images in [0, 1]

    def _perceptual(self, nets: Nets, fake: Tensor, image: Tensor) -> dict[str, Tensor]:
        config, terms = self.config, {}
        actual, target = nets.features(fake), nets.features(image)
        if "P" in config.loss:
            pool2, pool5 = (distance(actual[layer], target[layer]) for layer in CONTENT)
            terms["content"] = config.pool2_weight * pool2 + config.pool5_weight * pool5
        if "T" in config.loss:
            weighted = [
                weight * texture_distance(actual[layer], target[layer], patch=config.texture_patch)
                for layer, weight in zip(TEXTURE, config.texture_weights, strict=True)
            ]
            terms["texture"] = torch.stack(weighted).sum()
        return terms

    @property
    def _layers(self) -> tuple[str, ...]:
        loss = self.config.loss
        return (CONTENT if "P" in loss else ()) + (TEXTURE if "T" in loss else ())

    @property
    def _adversarial_weight(self) -> float:
        published = {"PA": 1.0, "PAT": 2.0}
        return self.config.adversarial_weight or published.get(self.config.loss, DEFAULT_ADVERSARIAL_WEIGHT)

    def _check_size(self) -> None:
        """Raise a UsageError if images are too small for the losses, or not divisible by the scale."""
        config, (height, width) = self.config, self.data.shape[1:]
        check_divisible(self.data.shape, config.scale)
        smallest = MIN_CONTENT_SIDE if "P" in config.loss else 1
        if "T" in config.loss:
            smallest = max(smallest, TEXTURE_STRIDE * config.texture_patch)
        if min(height, width) < smallest:
            raise UsageError(
                f"the loss {config.loss} needs images of {smallest}x{smallest} or more, not {height}x{width}; increase "
                "data.resolution, or reduce model.texture_patch"
            )
