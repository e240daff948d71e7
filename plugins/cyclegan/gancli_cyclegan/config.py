"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """The defaults are the networks and weights of the paper, without the identity loss that it uses for paintings."""

    channels: int = Field(64, ge=1, description="channels of the first layer of every network")
    blocks: int | None = Field(
        None, ge=1, description="residual blocks of a generator; null: 9 from 256 pixels on, else 6"
    )
    norm_affine: bool = Field(
        False, description="use instance normalisation with scale and shift, as in the first code of the authors"
    )
    upsampling: Literal["transposed", "nearest"] = Field(
        "transposed",
        description="upsampling of a generator: transposed as in the paper, or nearest, which gives no checkerboard "
        "patterns",
    )
    receptive_field: Literal[1, 16, 34, 70, 142, 286] | None = Field(
        None, description="side of the patches that a discriminator classifies; null: 70, or less for small images"
    )
    loss: Literal["lsgan", "non_saturating"] = Field(
        "lsgan", description="adversarial loss: least squares, as in the paper, or cross entropy"
    )
    cycle_weight: float = Field(10.0, ge=0, description="weight of the cycle consistency loss")
    identity_weight: float = Field(
        0.0,
        ge=0,
        description="weight, multiplied by cycle_weight, of the identity loss: how much a generator changes images "
        "of its "
        "target domain; 0.5 preserves colours, as in the paper from paintings to photographs",
    )
    pool_size: int = Field(
        50, ge=0, description="number of earlier translations per domain that are used again for the discriminator"
    )
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam for the generator")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam for the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="beta1 of Adam")
