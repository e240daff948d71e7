"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="cgan",
        summary="conditional GAN: both networks receive a class label, so samples of a given label can be generated",
        paper="Mirza and Osindero 2014, Conditional Generative Adversarial Nets (arXiv:1411.1784)",
        tasks=("sample",),
        batch=("image", "label"),
        family="gancli_cgan.family:CGAN",
        config="gancli_cgan.config:Config",
    )
