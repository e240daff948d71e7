"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="gan",
        summary="the first GAN: two fully connected networks",
        paper="Goodfellow et al. 2014, Generative Adversarial Networks (arXiv:1406.2661)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_gan.family:GAN",
        config="gancli_gan.config:Config",
    )
