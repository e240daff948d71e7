"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field, field_validator

from gancli import FamilyConfig

Group = Annotated[tuple[str, ...], Field(min_length=2)]


class Config(FamilyConfig):
    """By default the paper's networks and weights."""

    channels: int = Field(64, ge=1, description="channels of both networks' first layer")
    blocks: int = Field(6, ge=1, description="residual blocks of the generator")
    halvings: int | None = Field(
        None, ge=1, description="layers of the discriminator that halve; null: 6, or what small images allow"
    )
    n_critic: int = Field(5, ge=1, description="updates of the discriminator per update of the generator")
    classification_weight: float = Field(
        1.0, ge=0, description="weight of the labels that the discriminator reads in an image"
    )
    reconstruction_weight: float = Field(
        10.0, ge=0, description="weight of the distance after a translation and back to the image's own labels"
    )
    identity_weight: float = Field(
        0.0,
        ge=0,
        description="weight of what the generator changes in images that are told their own labels; not in the paper, "
        "it keeps translations from settling on negatives",
    )
    penalty_weight: float = Field(10.0, ge=0, description="weight of the gradient penalty")
    exclusive: tuple[Group, ...] = Field(
        (),
        description="groups of attributes of which an image has one at most, such as colours of hair: to set one is to "
        "clear the others",
    )
    generator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam")
    discriminator_lr: float = Field(1e-4, gt=0, description="learning rate of Adam")
    beta1: float = Field(0.5, ge=0, lt=1, description="decay of Adam's first moment")

    @field_validator("exclusive", mode="after")
    @classmethod
    def _names_each_once(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        for name, count in Counter(name for group in groups for name in group).items():
            if count > 1:
                raise ValueError(f"must name {name!r} once, not {count} times")
        return groups
