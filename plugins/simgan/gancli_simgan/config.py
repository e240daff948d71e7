"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """By default the networks for eyes, 35x55 and grey, and the schedule of the paper's first version."""

    architecture: Literal["gaze", "hand_pose", "small"] = Field(
        "gaze",
        description="the paper's networks for eyes (35x55) or for hands (224x224), or ones for images of some 8 to 16 "
        "pixels; any of them takes any size",
    )
    channels: int = Field(64, ge=1, description="channels of the refiner")
    blocks: int | None = Field(
        None, ge=1, description="residual blocks of the refiner; null: 4, 10 or 2, by the architecture"
    )
    first_kernel: Literal[1, 3, 5, 7] | None = Field(
        None, description="side of the refiner's first kernel; null: 3, or 7 for hand_pose"
    )
    tanh: bool = Field(True, description="end the refiner in a tanh; the paper names none, other programs have one")
    discriminator_channels: int = Field(
        32, ge=1, description="channels of the discriminator's last maps; three times as many in its first, then twice"
    )
    self_regularisation_weight: float = Field(
        0.5, ge=0, description="lambda, of the distance between refined and synthetic, summed over pixels"
    )
    refiner_warm_up: int = Field(1_000, ge=0, description="steps in which the refiner learns to keep images, alone")
    discriminator_warm_up: int = Field(200, ge=0, description="steps in which the discriminator then learns alone")
    refiner_updates: int = Field(
        2, ge=1, description="K_g, of the refiner in a step: 2 in the paper's first version, 50 in the last one"
    )
    discriminator_updates: int = Field(1, ge=1, description="K_d, of the discriminator in a step")
    history_size: int = Field(
        2_560, ge=0, description="earlier refined images that fill half of the discriminator's batches; 0: none"
    )
    optimizer: Literal["sgd", "adam"] = Field(
        "sgd", description="sgd, as published, with gradients clipped to a norm of 50, or adam with betas 0.5 and 0.999"
    )
    refiner_lr: float = Field(1e-3, gt=0, description="learning rate")
    discriminator_lr: float = Field(1e-3, gt=0, description="learning rate")
