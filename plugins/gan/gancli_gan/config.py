"""The options of the `model:` section; torch-free."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gancli import FamilyConfig

Width = Annotated[int, Field(ge=1)]


class Config(FamilyConfig):
    """By default the two-layer perceptrons that tutorials train; `architecture: maxout` is the paper's."""

    architecture: Literal["mlp", "maxout"] = Field(
        "mlp", description="mlp: perceptrons with LeakyReLU; maxout: the networks and optimizer of the 2014 paper"
    )
    latent_dim: int = Field(64, ge=1, description="length of z (the paper: 100)")
    noise: Literal["normal", "uniform"] = Field("normal", description="distribution of z, of unit variance")
    generator_loss: Literal["non_saturating", "saturating"] = Field(
        "non_saturating", description="-log D(G(z)), or the minimax game's log(1 - D(G(z)))"
    )
    discriminator_steps: int = Field(1, ge=1, description="k, the discriminator's updates per update of the generator")

    generator_widths: tuple[Width, ...] = Field((256,), min_length=1, description="mlp: hidden units of each layer")
    discriminator_widths: tuple[Width, ...] = Field((128,), min_length=1, description="mlp: hidden units of each layer")
    batch_norm: bool = Field(False, description="mlp: batch normalisation in the generator's hidden layers")
    dropout: float = Field(0.0, ge=0, lt=1, description="mlp: part of the discriminator's hidden units dropped")
    slope: float = Field(0.01, ge=0, lt=1, description="mlp: slope of LeakyReLU below zero")

    generator_lr: float = Field(3e-4, gt=0, description="mlp: learning rate of Adam")
    discriminator_lr: float = Field(3e-4, gt=0, description="mlp: learning rate of Adam")
    beta1: float = Field(0.9, ge=0, lt=1, description="mlp: decay of Adam's first moment")
    r1: float = Field(0.0, ge=0, description="weight of the R1 gradient penalty at real images; 0: none")
    r1_every: int = Field(4, ge=1, description="the penalty only at every so many steps, with as much more weight")
