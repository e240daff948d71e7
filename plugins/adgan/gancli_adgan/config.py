"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """The defaults are the networks of DCGAN with 256 latent dimensions, and the search of ADGAN."""

    latent_dim: int = Field(256, ge=1, description="dimension of z, which is normally distributed")
    channels: int = Field(
        64, ge=1, description="channels of the layers next to the image; each further layer has twice as many"
    )
    penalty: Literal["gradient", "clip"] = Field(
        "gradient",
        description="how the slope of the critic is limited: gradient penalty, or clipping of its weights "
        "(Arjovsky et al. 2017)",
    )
    penalty_weight: float = Field(10.0, gt=0, description="gradient: weight of the penalty (lambda)")
    clip: float = Field(0.01, gt=0, description="clip: largest absolute value of the weights of the critic")
    critic_steps: int = Field(5, ge=1, description="critic updates per generator update")
    generator_lr: float | None = Field(
        None, gt=0, description="learning rate of the generator; null: 1e-4 (Adam), or 5e-5 with clip (RMSprop)"
    )
    critic_lr: float | None = Field(None, gt=0, description="learning rate of the critic; null: as for the generator")
    betas: tuple[float, float] = Field((0.5, 0.9), description="gradient: betas of Adam")
    score: Literal["adgan", "anogan"] = Field(
        "adgan",
        description="adgan: optimize z and the generator's weights for a low mean squared error; anogan: optimize z "
        "only, for a low absolute error of pixels and of the critic's features",
    )
    seeds: int = Field(
        8, ge=1, description="number of latents from which each search starts; the score is the mean over them"
    )
    steps: int | None = Field(
        None, ge=0, description="optimization steps of each search; null: 5 for adgan, 25 for anogan"
    )
    latent_rate: float | None = Field(
        None, ge=0, description="learning rate of Adam for z; null: 0.25 for adgan, 0.1 for anogan"
    )
    weights_rate: float = Field(5e-5, ge=0, description="adgan: learning rate of Adam for the copies of the weights")
    feature_weight: float = Field(
        0.1, ge=0, le=1, description="anogan: weight of the features in the score; the rest is that of the pixels"
    )
