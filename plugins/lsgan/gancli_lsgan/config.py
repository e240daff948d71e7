"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """The defaults are the networks of DCGAN with the coding of the authors' code."""

    coding: tuple[float, float, float] = Field(
        (0.0, 1.0, 1.0),
        description="targets a of D for fake images, b of D for real images and c of G for fake images; "
        "[0, 1, 1], or [-1, 1, 0], which minimises Pearson's chi-square divergence",
    )
    architecture: Literal["dcgan", "lsun"] = Field(
        "dcgan",
        description="dcgan: strided networks for 16 to 256 pixels; lsun: networks of the paper for 112x112 pixels",
    )
    latent_dim: int = Field(100, ge=1, description="dimension of z (paper: 1024)")
    noise: Literal["normal", "uniform"] = Field("normal", description="distribution of z, with variance 1")
    channels: int = Field(64, ge=1, description="dcgan: channels of the layers next to the image")
    batch_norm: Literal["both", "discriminator", "none"] = Field(
        "both", description="dcgan: networks with batch normalisation; the stability study of the paper uses none"
    )
    instance_noise: float = Field(
        0.0,
        ge=0,
        description="dcgan and points: standard deviation of noise on all inputs of the discriminator in training",
    )
    points_widths: tuple[Width, ...] = Field(
        (128, 128), min_length=1, description="points: hidden units of both networks, with tanh activations"
    )
    optimizer: Literal["adam", "rmsprop"] = Field("adam", description="optimizer of both players")
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of the generator")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="adam: beta1")

    @field_validator("coding")
    @classmethod
    def _has_different_targets(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if value[0] == value[1]:
            raise ValueError("must have different targets for fake and real images, but a and b are equal")
        return value
