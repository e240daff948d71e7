from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import FamilyContract


class TestPublished(FamilyContract):
    """The pool becomes full during the 12 steps of a run of the suite."""

    family = "cyclegan"
    model: ClassVar = {"channels": 2, "blocks": 1, "pool_size": 20}
    data = DataSpec(channels=3, height=16, width=16, channels_of={"a": 3, "b": 3})


class TestIdentityWithoutPool(FamilyContract):
    family = "cyclegan"
    model: ClassVar = {
        "channels": 2,
        "blocks": 1,
        "identity_weight": 0.5,
        "pool_size": 0,
        "loss": "non_saturating",
        "norm_affine": True,
        "upsampling": "nearest",
    }
    data = DataSpec(channels=1, height=16, width=20, channels_of={"a": 1, "b": 1})


class TestDomainsOfDifferentChannels(FamilyContract):
    family = "cyclegan"
    model: ClassVar = {"channels": 2, "blocks": 1, "receptive_field": 16}
    data = DataSpec(channels=3, height=16, width=16, channels_of={"a": 1, "b": 3})
