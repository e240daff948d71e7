"""What this distribution brings; torch-free."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="stargan",
        summary="translates images to any label, or sets their attributes: one generator for all domains",
        paper="Choi et al. 2018, StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image "
        "Translation (arXiv:1711.09020)",
        tasks=("translate",),
        batch=("image", "attributes", "dataset"),
        family="gancli_stargan.family:StarGAN",
        config="gancli_stargan.config:Config",
    )
