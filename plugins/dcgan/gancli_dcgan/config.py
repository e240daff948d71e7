"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """By default the networks of PyTorch's example; `kernel: 5` and `channels: 128` make the authors' own."""

    latent_dim: int = Field(100, ge=1, description="length of z")
    noise: Literal["normal", "uniform"] = Field(
        "normal", description="distribution of z, of unit variance (the authors: uniform)"
    )
    channels: int = Field(64, ge=1, description="channels of the layers beside the image; doubled with every halving")
    kernel: Literal[4, 5] = Field(
        4, description="side of the kernels; 5 also makes the first and last layers dense, as in the authors' code"
    )
    points_widths: tuple[Width, ...] = Field(
        (128, 128), min_length=1, description="hidden units of the networks that learn points instead of images"
    )
    order: Literal["generator_first", "discriminator_first"] = Field(
        "generator_first",
        description="who is updated first in a step; with the generator first, as the authors have it, the "
        "discriminator sees the images that the generator was just judged by, which saves a pass",
    )
    instance_noise: float = Field(
        0.0, ge=0, description="standard deviation of noise on every image that the discriminator sees in training"
    )
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam")
    beta1: float = Field(0.5, ge=0, lt=1, description="decay of Adam's first moment")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty inside Adam (the authors' code: 1e-5)")
