"""The game of Ledig et al. 2017: a generator enlarges images that were made small, first as near to the originals as
pixels go, then so that a discriminator takes them for originals.

Small images are made on the device as files would hold them: by MATLAB's bicubic reduction, rounded to bytes. The
generator moves first, so that its images serve both turns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Steps, Turn
from gancli.nn.imresize import degrade
from gancli.nn.vgg import FeatureNetwork, find_weights
from gancli_srgan.config import Config
from gancli_srgan.networks import SRResNet, discriminator

LAYERS = {"vgg22": "relu2_2", "vgg54": "relu5_4"}
"""The paper's phi_{2,2} and phi_{5,4}, after activation."""


class SRGAN(Family[Config]):
    """A generator, and where a stage is adversarial a discriminator; `features` where the content loss wants them."""

    optimum_values = losses.optimal("discriminator")

    @property
    def scale(self) -> int:
        return self.config.scale

    def build(self) -> dict[str, nn.Module]:
        config, shape = self.config, self.data.shape
        if any(side % config.scale for side in shape[1:]):
            raise UsageError(
                f"images of {shape[1]}x{shape[2]} cannot be reduced {config.scale} times; set data.resolution to a "
                f"multiple of {config.scale}"
            )
        if config.tanh and config.residual == "bicubic":
            raise UsageError("model.tanh is for a generator that draws whole images; set model.residual to none")
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
            networks["discriminator"] = discriminator(shape, channels=config.discriminator_channels)
        if self._layer is not None:
            networks["features"] = FeatureNetwork((self._layer,), file=config.features_file)
        return networks

    def players(self) -> Sequence[Player]:
        config = self.config
        if self._layer is not None:
            find_weights(config.features_file)
        generator = self._player("generator", config.mse_lr, ema=0.0)
        return [generator, self._player("discriminator", config.adversarial_lr, ema=None)][: 1 + self._adversarial]

    def stages(self) -> Sequence[Stage]:
        config = self.config
        turns = (
            Turn(player="generator", loss=self.generator_loss),
            Turn(player="discriminator", loss=self.discriminator_loss),
        )
        alone = (Turn(player="generator", loss=self.mse_loss),)
        return [
            Stage(name="mse", turns=alone, images=config.mse_images),
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
        return {"real": losses.bce_real(real), "fake": losses.bce_fake(fake)}

    def content_loss(self, nets: Nets, fake: Tensor, image: Tensor) -> Tensor:
        """What `model.content` says of images (N, C, H, W), as a mean over pixels, or places, and channels."""
        if self._layer is None:
            return F.mse_loss(fake, image) if self.config.content == "mse" else F.l1_loss(fake, image)
        drawn, wanted = (nets.features(images)[self._layer] for images in (fake, image))
        return self.config.vgg_scale**2 * F.mse_loss(drawn, wanted)

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        enlarged: Tensor = nets.generator(image)
        return enlarged.clamp(-1, 1)

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
