"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="pix2pix",
        summary="image translation trained on pairs: a U-Net generator and a discriminator of patches",
        paper="Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks (arXiv:1611.07004)",
        tasks=("translate",),
        batch=("source", "target"),
        family="gancli_pix2pix.family:Pix2Pix",
        config="gancli_pix2pix.config:Config",
    )
