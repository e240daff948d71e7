"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """By default the paper's networks, and the one of its adversarial losses that needs no download."""

    scale: Literal[2, 4, 8] = Field(4, description="how many times as wide and as high images become")
    blocks: int = Field(10, ge=0, description="residual blocks of the generator")
    channels: int = Field(64, ge=1, description="channels of the generator's maps")
    discriminator_channels: int = Field(
        32,
        ge=1,
        description="channels of the discriminator's first layer; 16 times as many in its last map",
    )
    loss: Literal["E", "P", "EA", "PA", "EAT", "PAT"] = Field(
        "EA",
        description="what counts: E pixels, or P features of VGG-19; A a discriminator; T textures, by VGG-19 too. P "
        "and T download it, once; PAT is the paper's best",
    )
    pixel_weight: float = Field(1.0, gt=0, description="of the squared distance of pixels, in [0, 1]")
    pool2_weight: float = Field(0.2, ge=0, description="of the squared distance of features behind VGG-19's pool 2")
    pool5_weight: float = Field(0.02, ge=0, description="the same behind its pool 5")
    texture_weights: tuple[float, float, float] = Field(
        (3e-7, 1e-6, 1e-6), description="of the textures by VGG-19's layers 1_1, 2_1 and 3_1"
    )
    texture_patch: int = Field(16, ge=1, description="side of the patches whose textures are compared, in features")
    adversarial_weight: float | None = Field(
        None, gt=0, description="of -log D; null: 1 for PA and 2 for PAT, as published, 1e-3 for EA and EAT"
    )
    discriminator_every: int = Field(1, ge=1, description="steps between updates of the discriminator")
    features_file: Path | None = Field(
        None, description="file of VGG-19's weights, named by its SHA-256; null: torchvision's, downloaded once"
    )
    pixel_images: int = Field(0, ge=0, description="images of a first stage by the distance of pixels alone")
    generator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam")
    discriminator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam")
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of Adam's first moment")
