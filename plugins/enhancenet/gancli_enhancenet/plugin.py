"""What this distribution brings; torch-free."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="enhancenet",
        summary="enlarges images by what the bicubic enlargement lacks: pixels, features, textures, a discriminator",
        paper="Sajjadi et al. 2017, EnhanceNet: Single Image Super-Resolution Through Automated Texture Synthesis "
        "(arXiv:1612.07919)",
        tasks=("upscale",),
        batch=("image",),
        family="gancli_enhancenet.family:EnhanceNet",
        config="gancli_enhancenet.config:Config",
    )
