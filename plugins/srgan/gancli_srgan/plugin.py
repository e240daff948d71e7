"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="srgan",
        summary="super-resolution: a residual network trained with a pixel loss, then also against a discriminator",
        paper="Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network "
        "(arXiv:1609.04802)",
        tasks=("upscale",),
        batch=("image",),
        family="gancli_srgan.family:SRGAN",
        config="gancli_srgan.config:Config",
    )
