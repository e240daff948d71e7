"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """The defaults are the networks for eyes (35x55, grey) and the schedule of the first version of the paper."""

    architecture: Literal["gaze", "hand_pose", "small"] = Field(
        "gaze",
        description="networks of the paper for eyes (gaze, 35x55) or hands (hand_pose, 224x224), or for images of 8 "
        "to 16 "
        "pixels (small); all accept any size",
    )
    channels: int = Field(64, ge=1, description="channels of the refiner")
    blocks: int | None = Field(
        None, ge=1, description="residual blocks of the refiner; null: 4 (gaze), 10 (hand_pose) or 2 (small)"
    )
    first_kernel: Literal[1, 3, 5, 7] | None = Field(
        None, description="kernel size of the refiner's first convolution; null: 3, or 7 for hand_pose"
    )
    tanh: bool = Field(
        True, description="end the refiner with a tanh; the paper does not mention one, other implementations have it"
    )
    discriminator_channels: int = Field(
        32,
        ge=1,
        description="channels of the discriminator's last layers; its first layer has three times as many, its "
        "second twice",
    )
    self_regularisation_weight: float = Field(
        0.5,
        ge=0,
        description="weight (lambda) of the distance between refined and synthetic images, summed over pixels",
    )
    refiner_warm_up: int = Field(
        1_000, ge=0, description="steps in which only the refiner is trained, to reproduce its input"
    )
    discriminator_warm_up: int = Field(
        200, ge=0, description="steps after that in which only the discriminator is trained"
    )
    refiner_updates: int = Field(
        2, ge=1, description="refiner updates in a step (K_g): 2 in the paper's first version, 50 in the last one"
    )
    discriminator_updates: int = Field(1, ge=1, description="discriminator updates in a step (K_d)")
    history_size: int = Field(
        2_560,
        ge=0,
        description="number of stored earlier refined images, which fill half of the discriminator's batches (0: none)",
    )
    optimizer: Literal["sgd", "adam"] = Field(
        "sgd", description="sgd: as published, with gradients clipped to a norm of 50; adam: with betas 0.5 and 0.999"
    )
    refiner_lr: float = Field(1e-3, gt=0, description="learning rate of the refiner")
    discriminator_lr: float = Field(1e-3, gt=0, description="learning rate of the discriminator")
