from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import FamilyContract

LABELS = ("zero", "one", "two")


class TestProjection(FamilyContract):
    family = "cgan"
    model: ClassVar = {"channels": 4, "latent_dim": 8, "noise": "uniform"}


class TestMapsBesideColour(FamilyContract):
    family = "cgan"
    model: ClassVar = {"channels": 4, "latent_dim": 8, "condition": "maps", "instance_noise": 0.1}
    data = DataSpec(channels=3, height=16, width=24, labels=LABELS)


class TestMaxout(FamilyContract):
    family = "cgan"
    model: ClassVar = {"architecture": "maxout", "latent_dim": 4}
    data = DataSpec(channels=1, height=8, width=8, labels=LABELS)


class TestPointsOnALine(FamilyContract):
    family = "cgan"
    model: ClassVar = {"latent_dim": 1, "points_widths": [16]}
    data = DataSpec(channels=1, height=1, width=1, labels=LABELS, kind="points")


class TestPointsInAPlane(FamilyContract):
    family = "cgan"
    model: ClassVar = {"latent_dim": 4, "points_widths": [16, 16]}
    data = DataSpec(channels=2, height=1, width=1, labels=LABELS, kind="points")
