"""What this distribution brings; torch-free."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="wgan-gp",
        summary="a critic that estimates the Wasserstein distance, held to slope 1 by a gradient penalty",
        paper="Gulrajani et al. 2017, Improved Training of Wasserstein GANs (arXiv:1704.00028)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_wgan_gp.family:WGANGP",
        config="gancli_wgan_gp.config:Config",
    )
