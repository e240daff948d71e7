"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """By default the paper's convolutional networks with the gradient penalty; `penalty: clip` is the first WGAN."""

    penalty: Literal["gradient", "clip"] = Field(
        "gradient",
        description="what holds the critic's slope: the gradient penalty, or weights clipped to a small box "
        "(Arjovsky et al. 2017)",
    )
    penalty_weight: float = Field(10.0, gt=0, description="gradient: lambda")
    clip: float = Field(0.01, gt=0, description="clip: largest absolute value of the critic's weights")
    critic_steps: int = Field(5, ge=1, description="updates of the critic per update of the generator")
    architecture: Literal["dcgan", "resnet"] = Field(
        "dcgan", description="dcgan: strided, any size from 16 pixels; resnet: residual, 4 times a power of two"
    )
    latent_dim: int = Field(128, ge=1, description="length of z, from a normal distribution")
    channels: int = Field(64, ge=1, description="dcgan: of the layers beside the image; resnet: of every layer")
    batch_norm: bool = Field(True, description="batch normalisation in the generator; the critic never has any")
    points_widths: tuple[Width, ...] = Field(
        (512, 512, 512), min_length=1, description="points: hidden units of both networks"
    )
    dequantize: bool = Field(
        False, description="add uniform noise of one grey level to the training images, as the paper's resnet does"
    )
    generator_lr: float | None = Field(
        None, gt=0, description="learning rate; null is the paper's 1e-4 (Adam), with clip its 5e-5 (RMSprop)"
    )
    critic_lr: float | None = Field(None, gt=0, description="learning rate; null as for the generator")
    betas: tuple[float, float] = Field(
        (0.5, 0.9), description="gradient: decays of Adam's moments (the paper's resnet: [0, 0.9])"
    )
