"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """By default the paper's networks and schedule, and the one of its content losses that needs no download."""

    scale: Literal[2, 4, 8] = Field(4, description="how many times as wide and as high images become")
    blocks: int = Field(16, ge=0, description="B, residual blocks of the generator")
    channels: int = Field(64, ge=1, description="channels of the generator's maps")
    norm: Literal["batch", "none"] = Field("batch", description="normalisation of the generator; batch as published")
    residual: Literal["none", "bicubic"] = Field(
        "none", description="what the generator's answer is added to: nothing as published, or the bicubic enlargement"
    )
    tanh: bool = Field(False, description="end the generator in a tanh, as other programs do; not on top of bicubic")
    discriminator_channels: int = Field(
        64,
        ge=1,
        description="channels of the discriminator's first layer; 8 times as many in its last map",
    )
    content: Literal["mse", "l1", "vgg22", "vgg54"] = Field(
        "mse",
        description="content loss of the adversarial stages: of pixels, squared or absolute, or of features of VGG-19, "
        "which the first run downloads; vgg54 is what the paper calls SRGAN",
    )
    content_weight: float = Field(1.0, ge=0, description="weight of the content loss")
    adversarial_weight: float = Field(1e-3, ge=0, description="weight of -log D(G(LR))")
    vgg_scale: float = Field(1 / 12.75, gt=0, description="factor on the features of VGG-19, before they are squared")
    features_file: Path | None = Field(
        None, description="file of VGG-19's weights, named by its SHA-256; null: torchvision's, downloaded once"
    )
    mse_images: int = Field(16_000_000, ge=0, description="images of the stage by the distance of pixels alone")
    adversarial_images: int = Field(1_600_000, ge=0, description="images of the stage with a discriminator")
    fine_images: int = Field(1_600_000, ge=0, description="images of the one after it, at another learning rate")
    mse_lr: float = Field(1e-4, gt=0, description="learning rate of Adam in the first stage")
    adversarial_lr: float = Field(1e-4, gt=0, description="of both players in the second stage")
    fine_lr: float = Field(1e-5, gt=0, description="of both players in the third stage")
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of Adam's first moment")
