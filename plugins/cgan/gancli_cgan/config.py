"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """By default convolutional networks; `architecture: maxout` is the paper's, optimizer included."""

    architecture: Literal["convolutional", "maxout"] = Field(
        "convolutional",
        description="convolutional: strided networks for 16 to 256 pixels; maxout: the networks of the 2014 paper",
    )
    latent_dim: int = Field(100, ge=1, description="length of z")
    noise: Literal["normal", "uniform"] = Field(
        "normal", description="distribution of z, of unit variance (the paper: uniform)"
    )
    channels: int = Field(64, ge=1, description="convolutional: channels of the layers beside the image")
    condition: Literal["projection", "maps"] = Field(
        "projection",
        description="convolutional: how the discriminator reads a label: as a product with its features (Miyato and "
        "Koyama 2018), or as constant maps beside the image",
    )
    instance_noise: float = Field(
        0.0,
        ge=0,
        description="convolutional: standard deviation of noise on every image that the discriminator sees in training",
    )
    points_widths: tuple[Width, ...] = Field(
        (128, 128), min_length=1, description="points: hidden units of both networks"
    )
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam; maxout has the paper's SGD")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam; maxout has the paper's SGD")
    beta1: float = Field(0.5, ge=0, lt=1, description="decay of Adam's first moment")
