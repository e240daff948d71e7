"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """The defaults are the networks of PyTorch's example; `kernel: 5` and `channels: 128` are those of the authors."""

    latent_dim: int = Field(100, ge=1, description="dimension of z")
    noise: Literal["normal", "uniform"] = Field(
        "normal", description="distribution of z, with variance 1 (authors: uniform)"
    )
    channels: int = Field(
        64, ge=1, description="channels of the layers next to the image; each further layer has twice as many"
    )
    kernel: Literal[4, 5] = Field(
        4, description="kernel size; 5 also makes the first and last layers fully connected, as in the authors' code"
    )
    points_widths: tuple[Width, ...] = Field(
        (128, 128), min_length=1, description="hidden units of both networks for points instead of images"
    )
    order: Literal["generator_first", "discriminator_first"] = Field(
        "generator_first",
        description="player that is updated first in a step; with generator_first, as in the authors' code, the "
        "discriminator uses the images of the generator's update, which saves a forward pass",
    )
    instance_noise: float = Field(
        0.0, ge=0, description="standard deviation of noise on all input images of the discriminator in training"
    )
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam for the generator")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam for the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="beta1 of Adam")
    weight_decay: float = Field(0.0, ge=0, description="weight decay of Adam (authors' code: 1e-5)")
