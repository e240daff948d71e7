from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import FamilyContract


class TestExample(FamilyContract):
    family = "dcgan"
    model: ClassVar = {"channels": 4, "latent_dim": 8}


class TestColourThatIsNotSquare(FamilyContract):
    family = "dcgan"
    model: ClassVar = {"channels": 4, "latent_dim": 8, "order": "discriminator_first", "instance_noise": 0.1}
    data = DataSpec(channels=3, height=16, width=24)


class TestAuthors(FamilyContract):
    family = "dcgan"
    model: ClassVar = {"channels": 4, "latent_dim": 8, "kernel": 5, "noise": "uniform", "weight_decay": 1e-5}
    data = DataSpec(channels=1, height=17, width=20)


class TestPointsOnALine(FamilyContract):
    family = "dcgan"
    model: ClassVar = {"latent_dim": 1, "points_widths": [16]}
    data = DataSpec(channels=1, height=1, width=1, kind="points")


class TestPointsInAPlane(FamilyContract):
    family = "dcgan"
    model: ClassVar = {"latent_dim": 4, "points_widths": [16, 16]}
    data = DataSpec(channels=2, height=1, width=1, labels=("left", "right"), kind="points")
