"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="wgan-gp",
        summary="a critic that estimates the Wasserstein distance, with a gradient penalty that keeps its slope near 1",
        paper="Gulrajani et al. 2017, Improved Training of Wasserstein GANs (arXiv:1704.00028)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_wgan_gp.family:WGANGP",
        config="gancli_wgan_gp.config:Config",
    )
