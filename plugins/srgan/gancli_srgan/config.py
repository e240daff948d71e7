"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """The defaults are the networks and schedule of the paper, with the content loss that needs no download."""

    scale: Literal[2, 4, 8] = Field(4, description="upscaling factor")
    blocks: int = Field(16, ge=0, description="residual blocks of the generator (B)")
    channels: int = Field(64, ge=1, description="channels of the generator's feature maps")
    norm: Literal["batch", "none"] = Field("batch", description="normalisation of the generator; batch as published")
    residual: Literal["none", "bicubic"] = Field(
        "none", description="image that the generator's output is added to: none as published, or the bicubic upscaling"
    )
    tanh: bool = Field(
        False, description="end the generator with a tanh, as other implementations do; not with residual: bicubic"
    )
    discriminator_channels: int = Field(
        64,
        ge=1,
        description="channels of the discriminator's first layer; its last convolution has 8 times as many",
    )
    content: Literal["mse", "l1", "vgg22", "vgg54"] = Field(
        "mse",
        description="content loss of the adversarial stages: squared (mse) or absolute (l1) differences of pixels, or "
        "features of VGG-19, which the first run downloads; vgg54 is the paper's SRGAN",
    )
    content_weight: float = Field(1.0, ge=0, description="weight of the content loss")
    adversarial_weight: float = Field(1e-3, ge=0, description="weight of the adversarial loss -log D(G(LR))")
    vgg_scale: float = Field(
        1 / 12.75, gt=0, description="factor on the features of VGG-19 before the squared difference"
    )
    features_file: Path | None = Field(
        None,
        description="file with weights of VGG-19 and its SHA-256 in the name; null: torchvision's, downloaded once",
    )
    mse_images: int = Field(
        16_000_000, ge=0, description="training images of the first stage, with the pixel loss only"
    )
    adversarial_images: int = Field(
        1_600_000, ge=0, description="training images of the second stage, with a discriminator"
    )
    fine_images: int = Field(
        1_600_000, ge=0, description="training images of the third stage, with another learning rate"
    )
    mse_lr: float = Field(1e-4, gt=0, description="learning rate of Adam in the first stage")
    adversarial_lr: float = Field(1e-4, gt=0, description="learning rate of both players in the second stage")
    fine_lr: float = Field(1e-5, gt=0, description="learning rate of both players in the third stage")
    beta1: float = Field(0.9, ge=0, lt=1, description="beta1 of Adam")
