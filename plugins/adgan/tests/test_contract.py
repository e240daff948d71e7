from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import FamilyContract

SMALL = {"channels": 4, "latent_dim": 8, "critic_steps": 2, "seeds": 3, "steps": 2}


class TestWeights(FamilyContract):
    family = "adgan"
    model: ClassVar = SMALL


class TestLatent(FamilyContract):
    family = "adgan"
    model: ClassVar = {**SMALL, "penalty": "clip", "score": "anogan"}
    data = DataSpec(channels=3, height=16, width=24)
