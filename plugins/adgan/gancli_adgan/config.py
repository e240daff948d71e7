"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gancli import FamilyConfig


class Config(FamilyConfig):
    """By default the networks of DCGAN with a latent space of 256 dimensions, and the search of ADGAN."""

    latent_dim: int = Field(256, ge=1, description="length of z, from a normal distribution")
    channels: int = Field(64, ge=1, description="channels of the layers beside the image; doubled with every halving")
    penalty: Literal["gradient", "clip"] = Field(
        "gradient",
        description="what holds the critic's slope: the gradient penalty, or weights clipped to a small box "
        "(Arjovsky et al. 2017)",
    )
    penalty_weight: float = Field(10.0, gt=0, description="gradient: lambda")
    clip: float = Field(0.01, gt=0, description="clip: largest absolute value of the critic's weights")
    critic_steps: int = Field(5, ge=1, description="updates of the critic per update of the generator")
    generator_lr: float | None = Field(
        None, gt=0, description="learning rate; null is 1e-4 (Adam), with clip 5e-5 (RMSprop)"
    )
    critic_lr: float | None = Field(None, gt=0, description="learning rate; null as for the generator")
    betas: tuple[float, float] = Field((0.5, 0.9), description="gradient: decays of Adam's moments")
    score: Literal["adgan", "anogan"] = Field(
        "adgan",
        description="adgan: search for z and for the generator's weights, by mean squared error; anogan: for z alone, "
        "by absolute error and by the critic's features",
    )
    seeds: int = Field(8, ge=1, description="latents that each search starts from; the score is the mean over them")
    steps: int | None = Field(None, ge=0, description="of each search; null is 5 for adgan and 25 for anogan")
    latent_rate: float | None = Field(
        None, ge=0, description="step length of Adam on z; null is 0.25 for adgan and 0.1 for anogan"
    )
    weights_rate: float = Field(5e-5, ge=0, description="adgan: step length of Adam on the copies of the weights")
    feature_weight: float = Field(
        0.1, ge=0, le=1, description="anogan: the features' part of the score; the rest is the pixels'"
    )
