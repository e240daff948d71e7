from pathlib import Path
from typing import ClassVar

import pytest

from gancli.family import DataSpec
from gancli.testing import BATCH_SIZE, FamilyContract

STAGES = {"mse_images": 4 * BATCH_SIZE, "adversarial_images": 4 * BATCH_SIZE}


class TestPublished(FamilyContract):
    family = "srgan"
    model: ClassVar = {"blocks": 1, "channels": 4, "discriminator_channels": 2, **STAGES}
    data = DataSpec(channels=3, height=16, width=24)


class TestOverBicubicWithoutNorm(FamilyContract):
    family = "srgan"
    model: ClassVar = {
        "blocks": 1,
        "channels": 4,
        "discriminator_channels": 2,
        **STAGES,
        "scale": 2,
        "norm": "none",
        "residual": "bicubic",
        "content": "l1",
    }
    data = DataSpec(channels=1, height=12, width=10)


class TestWithoutDiscriminator(FamilyContract):
    family = "srgan"
    model: ClassVar = {"blocks": 1, "channels": 4, "scale": 8, "adversarial_images": 0, "fine_images": 0, "tanh": True}
    data = DataSpec(channels=4, height=16, width=16)


class TestFeatures(FamilyContract):
    family = "srgan"
    model: ClassVar = {"blocks": 1, "channels": 4, "discriminator_channels": 2, "content": "vgg54", **STAGES}
    data = DataSpec(channels=3, height=16, width=16)

    @pytest.fixture(autouse=True)
    def weights(self, vgg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "model", {**self.model, "features_file": str(vgg)})
