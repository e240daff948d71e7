"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field, field_validator

from gancli import FamilyConfig

Group = Annotated[tuple[str, ...], Field(min_length=2)]


class Config(FamilyConfig):
    """The defaults are the networks and weights of the paper."""

    channels: int = Field(64, ge=1, description="channels of the first layer of both networks")
    blocks: int = Field(6, ge=1, description="residual blocks of the generator")
    halvings: int | None = Field(
        None, ge=1, description="layers of the discriminator that halve the image; null: 6, or fewer for small images"
    )
    n_critic: int = Field(5, ge=1, description="discriminator updates per generator update")
    classification_weight: float = Field(1.0, ge=0, description="weight of the loss of label classification")
    reconstruction_weight: float = Field(
        10.0, ge=0, description="weight of the distance to the image after translating it and back to its own labels"
    )
    identity_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the identity loss: how much the generator changes images for their own labels; not in "
        "the "
        "paper, prevents colour-inverted translations",
    )
    penalty_weight: float = Field(10.0, ge=0, description="weight of the gradient penalty")
    exclusive: tuple[Group, ...] = Field(
        (),
        description="groups of attributes of which an image has at most one, such as hair colours; setting one "
        "clears the "
        "others",
    )
    generator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam for the generator")
    discriminator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam for the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="beta1 of Adam")

    @field_validator("exclusive", mode="after")
    @classmethod
    def _check_unique(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        for name, count in Counter(name for group in groups for name in group).items():
            if count > 1:
                raise ValueError(f"must name {name!r} once, not {count} times")
        return groups
