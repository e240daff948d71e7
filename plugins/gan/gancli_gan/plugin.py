"""What this distribution brings; torch-free."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="gan",
        summary="two fully connected networks, the original game",
        paper="Goodfellow et al. 2014, Generative Adversarial Networks (arXiv:1406.2661)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_gan.family:GAN",
        config="gancli_gan.config:Config",
    )
