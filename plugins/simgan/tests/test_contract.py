from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import FamilyContract

SMALL = {"channels": 2, "discriminator_channels": 2, "refiner_warm_up": 2, "discriminator_warm_up": 2}


class TestGaze(FamilyContract):
    """All three stages, with a history that becomes full during the 12 steps of a run of the suite."""

    family = "simgan"
    model: ClassVar = {**SMALL, "blocks": 1, "history_size": 10}
    data = DataSpec(channels=1, height=15, width=11, channels_of={"a": 1, "b": 1})


class TestHandPoseWithoutBounds(FamilyContract):
    family = "simgan"
    model: ClassVar = {
        **SMALL,
        "architecture": "hand_pose",
        "blocks": 2,
        "tanh": False,
        "refiner_updates": 1,
        "discriminator_updates": 2,
        "history_size": 0,
        "optimizer": "adam",
    }
    data = DataSpec(channels=4, height=16, width=20, channels_of={"a": 4, "b": 4})


class TestSmallColourWithoutRegularisation(FamilyContract):
    family = "simgan"
    model: ClassVar = {**SMALL, "architecture": "small", "self_regularisation_weight": 0, "history_size": 100}
    data = DataSpec(channels=3, height=8, width=8, channels_of={"a": 3, "b": 3})
