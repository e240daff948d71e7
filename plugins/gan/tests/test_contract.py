from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import FamilyContract


class TestPerceptrons(FamilyContract):
    family = "gan"
    model: ClassVar = {"generator_widths": [16], "discriminator_widths": [16]}


class TestTuned(FamilyContract):
    family = "gan"
    model: ClassVar = {
        "generator_widths": [16, 16],
        "discriminator_widths": [16],
        "batch_norm": True,
        "dropout": 0.4,
        "r1": 0.1,
        "discriminator_steps": 2,
        "generator_loss": "saturating",
        "noise": "uniform",
    }


class TestMaxout(FamilyContract):
    family = "gan"
    model: ClassVar = {"architecture": "maxout", "latent_dim": 4}


class TestPointsOnALine(FamilyContract):
    family = "gan"
    model: ClassVar = {"latent_dim": 1, "generator_widths": [16], "discriminator_widths": [16]}
    data = DataSpec(channels=1, height=1, width=1, kind="points")


class TestPointsInAPlane(FamilyContract):
    family = "gan"
    model: ClassVar = {"latent_dim": 4, "generator_widths": [16], "discriminator_widths": [16], "batch_norm": True}
    data = DataSpec(channels=2, height=1, width=1, labels=("left", "right"), kind="points")
