"""Description of the plugin. Does not import torch."""

from __future__ import annotations

from gancli import FamilyInfo, hookimpl


@hookimpl
def gan_families() -> FamilyInfo:
    return FamilyInfo(
        name="adgan",
        summary="anomaly detection: distance of an image to the closest output of a generator of normal images",
        paper="Deecke et al. 2018, Image Anomaly Detection with Generative Adversarial Networks (ECML PKDD 2018); "
        "Schlegl et al. 2017, Unsupervised Anomaly Detection with Generative Adversarial Networks (arXiv:1703.05921)",
        tasks=("sample", "detect"),
        batch=("image",),
        family="gancli_adgan.family:ADGAN",
        config="gancli_adgan.config:Config",
    )
