"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="stargan",
        summary="image translation between many domains or attributes with a single generator",
        paper="Choi et al. 2018, StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image "
        "Translation (arXiv:1711.09020)",
        tasks=("translate",),
        batch=("image", "attributes", "dataset"),
        family="gancli_stargan.family:StarGAN",
        config="gancli_stargan.config:Config",
    )
