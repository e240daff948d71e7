from typing import ClassVar

from gancli.family import DataSpec
from gancli.testing import BATCH_SIZE, FamilyContract

SMALL = {"latent_dim": 8, "channels_base": 32, "channels_max": 8}


class TestAllLevels(FamilyContract):
    """One step per stage, so that runs of 12 steps in the suite are also resumed during fades."""

    family = "pggan"
    model: ClassVar = {**SMALL, "stable_images": BATCH_SIZE, "fade_images": 3 * BATCH_SIZE}


class TestLeastSquaresWithoutFades(FamilyContract):
    family = "pggan"
    model: ClassVar = {
        **SMALL,
        "stable_images": BATCH_SIZE,
        "fade_images": 0,
        "loss": "lsgan",
        "normalise_latent": False,
        "reset_optimizers": False,
    }


class TestColourThatIsNotSquare(FamilyContract):
    family = "pggan"
    model: ClassVar = {
        **SMALL,
        "stable_images": BATCH_SIZE,
        "fade_images": BATCH_SIZE,
        "minibatch_stddev_group": 4,
        "penalty_every": 2,
        "gamma": 750,
        "batch_sizes": [8, 4],
    }
    data = DataSpec(channels=4, height=20, width=32)
