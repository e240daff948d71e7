"""Options of the `model:` section. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """The defaults are two-layer perceptrons; `architecture: maxout` gives the networks and optimizer of the paper."""

    architecture: Literal["mlp", "maxout"] = Field(
        "mlp", description="mlp: perceptrons with LeakyReLU; maxout: networks and optimizer of the 2014 paper"
    )
    latent_dim: int = Field(64, ge=1, description="dimension of z (paper: 100)")
    noise: Literal["normal", "uniform"] = Field("normal", description="distribution of z, with variance 1")
    generator_loss: Literal["non_saturating", "saturating"] = Field(
        "non_saturating", description="non_saturating: -log D(G(z)); saturating: the minimax loss log(1 - D(G(z)))"
    )
    discriminator_steps: int = Field(1, ge=1, description="discriminator updates per generator update (k in the paper)")

    generator_widths: tuple[Width, ...] = Field(
        (256,), min_length=1, description="mlp: hidden units of each generator layer"
    )
    discriminator_widths: tuple[Width, ...] = Field(
        (128,), min_length=1, description="mlp: hidden units of each discriminator layer"
    )
    batch_norm: bool = Field(False, description="mlp: use batch normalisation in the hidden layers of the generator")
    dropout: float = Field(0.0, ge=0, lt=1, description="mlp: dropout probability of the discriminator's hidden units")
    slope: float = Field(0.01, ge=0, lt=1, description="mlp: negative slope of LeakyReLU")

    generator_lr: float = Field(3e-4, gt=0, description="mlp: learning rate of Adam for the generator")
    discriminator_lr: float = Field(3e-4, gt=0, description="mlp: learning rate of Adam for the discriminator")
    beta1: float = Field(0.9, ge=0, lt=1, description="mlp: beta1 of Adam")
    r1: float = Field(0.0, ge=0, description="weight of the R1 gradient penalty on real images (0: no penalty)")
    r1_every: int = Field(4, ge=1, description="number of steps between R1 penalties; the weight is multiplied by it")
