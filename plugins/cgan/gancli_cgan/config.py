"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """The defaults are convolutional networks; `architecture: maxout` gives the networks and optimizer of the paper."""

    architecture: Literal["convolutional", "maxout"] = Field(
        "convolutional",
        description="convolutional: strided networks for 16 to 256 pixels; maxout: networks of the 2014 paper",
    )
    latent_dim: int = Field(100, ge=1, description="dimension of z")
    noise: Literal["normal", "uniform"] = Field(
        "normal", description="distribution of z, with variance 1 (paper: uniform)"
    )
    channels: int = Field(64, ge=1, description="convolutional: channels of the layers next to the image")
    condition: Literal["projection", "maps"] = Field(
        "projection",
        description="convolutional: label input of the discriminator; projection: inner product with its features "
        "(Miyato "
        "and Koyama 2018); maps: constant channels concatenated with the image",
    )
    instance_noise: float = Field(
        0.0,
        ge=0,
        description="convolutional: standard deviation of noise on all input images of the discriminator in training",
    )
    points_widths: tuple[Width, ...] = Field(
        (128, 128), min_length=1, description="points: hidden units of both networks"
    )
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam for the generator (maxout uses SGD)")
    discriminator_lr: float = Field(
        2e-4, gt=0, description="learning rate of Adam for the discriminator (maxout uses SGD)"
    )
    beta1: float = Field(0.5, ge=0, lt=1, description="beta1 of Adam")
