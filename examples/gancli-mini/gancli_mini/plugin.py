"""Description of the plugin and its options. Does not import torch."""

from __future__ import annotations

from pydantic import Field

from gancli import FamilyConfig, FamilyInfo, hookimpl


class Config(FamilyConfig):
    """Two perceptrons."""

    latent_dim: int = Field(16, ge=1, description="dimension of z")
    width: int = Field(128, ge=1, description="hidden units of each network")


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="mini",
        summary="two perceptrons, the shortest possible family",
        paper="Goodfellow et al. 2014, Generative Adversarial Networks (arXiv:1406.2661)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_mini.family:Mini",
        config="gancli_mini.plugin:Config",
    )
