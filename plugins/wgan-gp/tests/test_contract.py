from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import FamilyContract


class TestGradientPenalty(FamilyContract):
    family = "wgan-gp"
    model: ClassVar = {"channels": 4, "latent_dim": 8, "critic_steps": 2}


class TestClippedWeights(FamilyContract):
    family = "wgan-gp"
    model: ClassVar = {"channels": 4, "latent_dim": 8, "critic_steps": 2, "penalty": "clip"}


class TestColourThatIsNotSquare(FamilyContract):
    family = "wgan-gp"
    model: ClassVar = {"channels": 4, "latent_dim": 8, "critic_steps": 1, "batch_norm": False, "dequantize": True}
    data = DataSpec(channels=3, height=17, width=20)


class TestResidual(FamilyContract):
    family = "wgan-gp"
    model: ClassVar = {"architecture": "resnet", "channels": 4, "latent_dim": 8, "critic_steps": 1, "betas": [0, 0.9]}
    data = DataSpec(channels=3, height=16, width=16)


class TestPointsOnALine(FamilyContract):
    family = "wgan-gp"
    model: ClassVar = {"latent_dim": 1, "points_widths": [16]}
    data = DataSpec(channels=1, height=1, width=1, kind="points")


class TestPointsInAPlane(FamilyContract):
    family = "wgan-gp"
    model: ClassVar = {"latent_dim": 4, "points_widths": [16, 16], "penalty": "clip"}
    data = DataSpec(channels=2, height=1, width=1, labels=("left", "right"), kind="points")
