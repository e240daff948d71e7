"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="pggan",
        summary="progressive growing: training starts at 4x4 pixels and adds layers step by step, up to 1024x1024",
        paper="Karras et al. 2018, Progressive Growing of GANs for Improved Quality, Stability, and Variation "
        "(arXiv:1710.10196)",
        tasks=("sample",),
        batch=("image",),
        family="gancli_pggan.family:PGGAN",
        config="gancli_pggan.config:Config",
    )
