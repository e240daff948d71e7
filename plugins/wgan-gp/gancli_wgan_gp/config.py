"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """The defaults are convolutional networks and the gradient penalty; `penalty: clip` is the first WGAN."""

    penalty: Literal["gradient", "clip"] = Field(
        "gradient",
        description="how the slope of the critic is limited: gradient penalty, or clipping of its weights "
        "(Arjovsky et al. 2017)",
    )
    penalty_weight: float = Field(10.0, gt=0, description="gradient: weight of the penalty (lambda)")
    clip: float = Field(0.01, gt=0, description="clip: largest absolute value of the weights of the critic")
    critic_steps: int = Field(5, ge=1, description="critic updates per generator update")
    architecture: Literal["dcgan", "resnet"] = Field(
        "dcgan",
        description="dcgan: strided networks for any size from 16 pixels; resnet: residual networks for 4 times a "
        "power of two",
    )
    latent_dim: int = Field(128, ge=1, description="dimension of z, which is normally distributed")
    channels: int = Field(
        64, ge=1, description="channels of the layers next to the image (dcgan), or of every layer (resnet)"
    )
    batch_norm: bool = Field(True, description="use batch normalisation in the generator; the critic has none")
    points_widths: tuple[Width, ...] = Field(
        (512, 512, 512), min_length=1, description="points: hidden units of both networks"
    )
    dequantize: bool = Field(
        False,
        description="add uniform noise of one grey level to the training images, as for the residual networks of the "
        "paper",
    )
    generator_lr: float | None = Field(
        None,
        gt=0,
        description="learning rate of the generator; null: 1e-4 (Adam), or 5e-5 with clip (RMSprop), as in the papers",
    )
    critic_lr: float | None = Field(None, gt=0, description="learning rate of the critic; null: as for the generator")
    betas: tuple[float, float] = Field(
        (0.5, 0.9), description="gradient: betas of Adam (residual networks of the paper: [0, 0.9])"
    )
