"""What this distribution brings; torch-free."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="cgan",
        summary="generator and discriminator are told a label, so that samples can be asked for by name",
        paper="Mirza and Osindero 2014, Conditional Generative Adversarial Nets (arXiv:1411.1784)",
        tasks=("sample",),
        batch=("image", "label"),
        family="gancli_cgan.family:CGAN",
        config="gancli_cgan.config:Config",
    )
