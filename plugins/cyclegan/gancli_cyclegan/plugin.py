"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="cyclegan",
        summary="image translation in both directions without pairs: translating there and back changes nothing",
        paper="Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks "
        "(arXiv:1703.10593)",
        tasks=("translate",),
        batch=("a", "b"),
        family="gancli_cyclegan.family:CycleGAN",
        config="gancli_cyclegan.config:Config",
    )
