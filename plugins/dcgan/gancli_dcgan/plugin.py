"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="dcgan",
        summary="strided convolutions and batch normalisation, the basis of many later networks",
        paper="Radford et al. 2015, Unsupervised Representation Learning with DCGANs (arXiv:1511.06434)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_dcgan.family:DCGAN",
        config="gancli_dcgan.config:Config",
    )
