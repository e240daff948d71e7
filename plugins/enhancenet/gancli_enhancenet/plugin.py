"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="enhancenet",
        summary="super-resolution: adds details to bicubic upscaling, with feature, texture and adversarial losses",
        paper="Sajjadi et al. 2017, EnhanceNet: Single Image Super-Resolution Through Automated Texture Synthesis "
        "(arXiv:1612.07919)",
        tasks=("upscale",),
        batch=("image",),
        family="gancli_enhancenet.family:EnhanceNet",
        config="gancli_enhancenet.config:Config",
    )
