"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """The defaults are the networks and weights of the paper; the depth of the U-Net follows from the resolution."""

    channels: int = Field(
        64, ge=1, description="channels of the first layer of both networks; further layers have up to 8 times as many"
    )
    dropout: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="dropout probability in the inner layers of the generator, also active when translating: its "
        "only noise",
    )
    norm: Literal["batch", "instance", "instance_affine", "none"] = Field(
        "batch",
        description="normalisation; batch uses the statistics of each single image when translating",
    )
    receptive_field: Literal[1, 16, 34, 70, 142, 286] | None = Field(
        None, description="side of the patches that the discriminator classifies; null: 70, or less for small images"
    )
    adversarial: bool = Field(True, description="train with a discriminator; false is the L1 variant of the paper")
    l1_weight: float = Field(100.0, ge=0, description="weight of the L1 distance to the target")
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam for the generator")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of Adam for the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="beta1 of Adam")
