"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """The defaults are the networks of the paper, with the adversarial loss that needs no download."""

    scale: Literal[2, 4, 8] = Field(4, description="upscaling factor")
    blocks: int = Field(10, ge=0, description="residual blocks of the generator")
    channels: int = Field(64, ge=1, description="channels of the generator's feature maps")
    discriminator_channels: int = Field(
        32,
        ge=1,
        description="channels of the discriminator's first layer; its last convolution has 16 times as many",
    )
    loss: Literal["E", "P", "EA", "PA", "EAT", "PAT"] = Field(
        "EA",
        description="losses: E: pixels; P: features of VGG-19; A: discriminator; T: textures by VGG-19. P and T "
        "download "
        "VGG-19 once; PAT is the best one of the paper",
    )
    pixel_weight: float = Field(1.0, gt=0, description="weight of the squared difference of pixels in [0, 1]")
    pool2_weight: float = Field(
        0.2, ge=0, description="weight of the squared difference of features after pool 2 of VGG-19"
    )
    pool5_weight: float = Field(
        0.02, ge=0, description="weight of the squared difference of features after pool 5 of VGG-19"
    )
    texture_weights: tuple[float, float, float] = Field(
        (3e-7, 1e-6, 1e-6), description="weights of the texture loss on layers 1_1, 2_1 and 3_1 of VGG-19"
    )
    texture_patch: int = Field(
        16, ge=1, description="side of the patches whose textures are compared, in pixels of the feature map"
    )
    adversarial_weight: float | None = Field(
        None,
        gt=0,
        description="weight of the adversarial loss -log D; null: 1 for PA and 2 for PAT, as published, 1e-3 for EA "
        "and EAT",
    )
    discriminator_every: int = Field(1, ge=1, description="number of steps between updates of the discriminator")
    features_file: Path | None = Field(
        None,
        description="file with weights of VGG-19 and its SHA-256 in the name; null: torchvision's, downloaded once",
    )
    pixel_images: int = Field(0, ge=0, description="training images of a first stage with the pixel loss only")
    generator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam for the generator")
    discriminator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam for the discriminator")
    beta1: float = Field(0.9, ge=0, lt=1, description="beta1 of Adam")
