"""The game of Sajjadi et al. 2017: a generator adds to the bicubic enlargement what it lacks, by any of four measures:
pixels (E), features (P), textures (T), and a discriminator (A).

Small images are made on the device as files would hold them: by MATLAB's bicubic reduction, rounded to bytes. The
generator moves first, so that its images serve both turns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Turn
from gancli.nn.imresize import degrade
from gancli.nn.vgg import FeatureNetwork, find_weights
from gancli_enhancenet.config import Config
from gancli_enhancenet.networks import Generator, discriminator, initialise_xavier
from gancli_enhancenet.perception import distance, texture_distance

CONTENT, TEXTURE = ("pool2", "pool5"), ("relu1_1", "relu2_1", "relu3_1")
SMALLEST_CONTENT = 32
"""Pixels of a side that pool 5 leaves one place of."""

TEXTURE_SHRINKS = 4
"""Times that the deepest of `TEXTURE` is smaller than the image."""

OURS = 1e-3
"""Weight of the adversarial loss beside pixels, of which the paper gives none."""


class EnhanceNet(Family[Config]):
    """A generator, a discriminator under a loss with A, and `features` under one with P or T."""

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
            networks["discriminator"] = initialise_xavier(discriminator(shape, channels=config.discriminator_channels))
        if self._layers:
            networks["features"] = FeatureNetwork(self._layers, file=config.features_file)
        return networks

    def players(self) -> Sequence[Player]:
        config = self.config
        if self._layers:
            find_weights(config.features_file)
        generator = self._player("generator", config.generator_lr, ema=0.0)
        if "A" not in config.loss:
            return [generator]
        return [generator, self._player("discriminator", config.discriminator_lr, ema=None)]

    def stages(self) -> Sequence[Stage]:
        config = self.config
        turns = [Turn(player="generator", loss=self.generator_loss)]
        if "A" in config.loss:
            every = config.discriminator_every
            turns.append(Turn(player="discriminator", loss=self.discriminator_loss, every=every))
        alone = (Turn(player="generator", loss=self.pixel_loss),)
        return [
            Stage(name="pixels", turns=alone, images=config.pixel_images),
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
            terms |= self._perceived(nets, fake, image)
        if "A" in config.loss:
            ctx.save(fake=fake)
            terms["adversarial"] = self._adversarial_weight * losses.non_saturating(nets.discriminator(fake))
        return terms

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real, fake = nets.discriminator(batch["image"]), nets.discriminator(ctx.saved["fake"])
        ctx.log(**losses.discriminator_stats(real, fake))
        return {"real": losses.bce_real(real), "fake": losses.bce_fake(fake)}

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        enlarged: Tensor = nets.generator(image)
        return enlarged.clamp(-1, 1)

    def _pixels(self, fake: Tensor, image: Tensor) -> Tensor:
        return self.config.pixel_weight * F.mse_loss(fake, image) / 4  # in [0, 1], which is half as wide

    def _perceived(self, nets: Nets, fake: Tensor, image: Tensor) -> dict[str, Tensor]:
        config, terms = self.config, {}
        drawn, real = nets.features(fake), nets.features(image)
        if "P" in config.loss:
            near, far = (distance(drawn[layer], real[layer]) for layer in CONTENT)
            terms["content"] = config.pool2_weight * near + config.pool5_weight * far
        if "T" in config.loss:
            weighted = [
                weight * texture_distance(drawn[layer], real[layer], patch=config.texture_patch)
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
        return self.config.adversarial_weight or published.get(self.config.loss, OURS)

    def _check_size(self) -> None:
        """Raises a UsageError where images are too small for the losses, or cannot be reduced evenly."""
        config, (height, width) = self.config, self.data.shape[1:]
        if height % config.scale or width % config.scale:
            raise UsageError(
                f"images of {height}x{width} cannot be reduced {config.scale} times; set data.resolution to a multiple "
                f"of {config.scale}"
            )
        smallest = SMALLEST_CONTENT if "P" in config.loss else 1
        if "T" in config.loss:
            smallest = max(smallest, TEXTURE_SHRINKS * config.texture_patch)
        if min(height, width) < smallest:
            raise UsageError(
                f"the loss {config.loss} needs images of {smallest}x{smallest} or more, not {height}x{width}; set "
                "data.resolution, or model.texture_patch"
            )

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        return Player(name=name, modules=(name,), optimizer=Adam(lr=lr, betas=(self.config.beta1, 0.999)), ema=ema)
