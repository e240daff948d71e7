"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="simgan",
        summary="refinement of synthetic images: they look real afterwards and keep their labels",
        paper="Shrivastava et al. 2017, Learning from Simulated and Unsupervised Images through Adversarial Training "
        "(arXiv:1612.07828)",
        tasks=("translate",),
        batch=("a", "b"),
        family="gancli_simgan.family:SimGAN",
        config="gancli_simgan.config:Config",
    )
