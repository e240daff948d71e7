"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

BatchSize = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """The defaults are the networks and schedule of the paper, which uses stages of 800,000 images for CelebA-HQ and
    LSUN.
    """

    latent_dim: int = Field(512, ge=1, description="dimension of z, which is normally distributed")
    normalise_latent: bool = Field(True, description="normalise every z to the length sqrt(latent_dim)")
    channels_base: int = Field(
        8192, ge=1, description="twice the number of channels of the first level; each further level has half as many"
    )
    channels_max: int = Field(512, ge=1, description="largest number of channels of a level")
    minibatch_stddev_group: int | None = Field(
        None, ge=1, description="images per group of the minibatch standard deviation; null: the whole batch"
    )
    stable_images: int = Field(600_000, ge=1, description="training images of each level after its fade")
    fade_images: int = Field(
        600_000, ge=0, description="training images during which a new level fades in (0: no fade)"
    )
    last_stage_images: int | None = Field(
        None, ge=1, description="training images of the last level after its fade; null: until train.images"
    )
    batch_sizes: tuple[BatchSize, ...] = Field(
        (),
        description="batch size of each level, from the smallest images on; the last one is used for further levels, "
        "[] "
        "for train.batch_size",
    )
    reset_optimizers: bool = Field(True, description="reset the optimizers when a fade starts or ends")
    loss: Literal["wgan-gp", "lsgan"] = Field(
        "wgan-gp", description="wgan-gp: with gradient penalty and drift; lsgan: least squares, without both"
    )
    penalty_weight: float = Field(10.0, gt=0, description="wgan-gp: weight of the gradient penalty (lambda)")
    gamma: float = Field(1.0, gt=0, description="wgan-gp: target norm of the gradient (CIFAR-10 in the paper: 750)")
    penalty_every: int = Field(
        1, ge=1, description="wgan-gp: number of steps between penalties; the weight is multiplied by it (paper: 1)"
    )
    drift: float = Field(1e-3, ge=0, description="wgan-gp: weight of the drift E D(x)^2, which keeps scores near zero")
    generator_lr: float = Field(1e-3, gt=0, description="learning rate of Adam for the generator")
    discriminator_lr: float = Field(1e-3, gt=0, description="learning rate of Adam for the discriminator")
    betas: tuple[float, float] = Field((0.0, 0.99), description="betas of Adam")
