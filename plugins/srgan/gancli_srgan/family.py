"""The SRGAN of Ledig et al. 2017: a generator upscales images, first trained with a pixel loss (SRResNet), then against
a discriminator.

Low-resolution images are computed on the device with the bytes that a file would have: bicubic downscaling like
MATLAB's, rounded to 8 bits. The generator is updated first, so that both turns use the same generated images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Steps, alternate
from gancli.nn.imresize import degrade
from gancli.nn.super_resolution import check_divisible, vgg_discriminator
from gancli.nn.vgg import FeatureNetwork, find_weights
from gancli_srgan.config import Config
from gancli_srgan.networks import SRResNet

HALVINGS = 4
"""Times that the discriminator halves the sides of an image."""

LAYERS = {"vgg22": "relu2_2", "vgg54": "relu5_4"}
"""Layers of VGG-19: phi_{2,2} and phi_{5,4} of the paper, after activation."""


class SRGAN(Family[Config]):
    """A generator, a discriminator if a stage is adversarial, and `features` if the content loss uses VGG-19."""

    optimum_values = losses.optimal("discriminator")

    @property
    def scale(self) -> int:
        return self.config.scale

    def build(self) -> dict[str, nn.Module]:
        config, shape = self.config, self.data.shape
        check_divisible(shape, config.scale)
        if config.tanh and config.residual == "bicubic":
            raise UsageError(
                "model.tanh cannot be combined with model.residual=bicubic; set one of them to its default"
            )
        generator = SRResNet(
            shape[0],
            scale=config.scale,
            blocks=config.blocks,
            channels=config.channels,
            norm=config.norm,
            bicubic=config.residual == "bicubic",
            tanh=config.tanh,
        )
        networks: dict[str, nn.Module] = {"generator": generator}
        if self._adversarial:
            networks["discriminator"] = vgg_discriminator(
                shape, channels=config.discriminator_channels, halvings=HALVINGS, norm=True
            )
        if self._layer is not None:
            networks["features"] = FeatureNetwork((self._layer,), file=config.features_file)
        return networks

    def min_batch_size(self, modules: Mapping[str, nn.Module]) -> int:
        """Two if the last maps of the discriminator have one pixel, whose batch statistics need another image."""
        side = max(self.data.height, self.data.width)
        return 2 if "discriminator" in modules and side <= 2**HALVINGS else super().min_batch_size(modules)

    def players(self) -> Sequence[Player]:
        config = self.config
        if self._layer is not None:
            find_weights(config.features_file)
        players = [
            self._player("generator", config.mse_lr, ema=0.0),
            self._player("discriminator", config.adversarial_lr, ema=None),
        ]
        return players if self._adversarial else players[:1]

    def stages(self) -> Sequence[Stage]:
        config = self.config
        turns = alternate(generator=self.generator_loss, discriminator=self.discriminator_loss)
        return [
            Stage(name="mse", turns=alternate(generator=self.mse_loss), images=config.mse_images),
            Stage(name="adversarial", turns=turns, images=config.adversarial_images, reset_optimizers=True),
            Stage(name="fine", turns=turns, images=config.fine_images),
        ]

    def mse_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        image = batch["image"]
        return {"mse": F.mse_loss(nets.generator(degrade(image, self.scale)), image)}

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        image, config = batch["image"], self.config
        fake = nets.generator(degrade(image, self.scale))
        ctx.save(fake=fake)
        adversarial = config.adversarial_weight * losses.non_saturating(nets.discriminator(fake))
        if not config.content_weight:
            return {"adversarial": adversarial}
        return {"content": config.content_weight * self.content_loss(nets, fake, image), "adversarial": adversarial}

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real, fake = nets.discriminator(batch["image"]), nets.discriminator(ctx.saved["fake"])
        ctx.log(**losses.discriminator_stats(real, fake))
        return losses.discriminator_terms(real, fake, "bce")

    def content_loss(self, nets: Nets, fake: Tensor, image: Tensor) -> Tensor:
        """Return the content loss of images (N, C, H, W), a mean over all pixels or features."""
        if self._layer is None:
            return F.mse_loss(fake, image) if self.config.content == "mse" else F.l1_loss(fake, image)
        actual, target = (nets.features(images)[self._layer] for images in (fake, image))
        return self.config.vgg_scale**2 * F.mse_loss(actual, target)

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        upscaled: Tensor = nets.generator(image)
        return upscaled.clamp(-1, 1)

    @property
    def _adversarial(self) -> bool:
        return bool(self.config.adversarial_images or self.config.fine_images)

    @property
    def _layer(self) -> str | None:
        return LAYERS.get(self.config.content) if self._adversarial else None

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        config = self.config
        start = config.mse_images
        factors = ((start, config.adversarial_lr / lr), (start + config.adversarial_images, config.fine_lr / lr))
        optimizer = Adam(lr=lr, betas=(config.beta1, 0.999))
        return Player(name=name, modules=(name,), optimizer=optimizer, lr_schedule=Steps(factors=factors), ema=ema)
