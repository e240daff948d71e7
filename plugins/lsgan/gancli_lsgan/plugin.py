"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="lsgan",
        summary="least-squares loss instead of cross entropy, so that samples far from the data still have a gradient",
        paper="Mao et al. 2017, Least Squares Generative Adversarial Networks (arXiv:1611.04076)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_lsgan.family:LSGAN",
        config="gancli_lsgan.config:Config",
    )
