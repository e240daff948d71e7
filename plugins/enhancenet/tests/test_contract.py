from pathlib import Path
from typing import ClassVar

import pytest

from gancli.family import DataSpec
from gancli.testing import BATCH_SIZE, FamilyContract

SMALL = {"blocks": 1, "channels": 4, "discriminator_channels": 2}


class TestPixelsAndDiscriminator(FamilyContract):
    family = "enhancenet"
    model: ClassVar = {**SMALL, "pixel_images": 4 * BATCH_SIZE, "discriminator_every": 2}
    data = DataSpec(channels=3, height=16, width=24)


class TestPixelsAlone(FamilyContract):
    family = "enhancenet"
    model: ClassVar = {**SMALL, "loss": "E", "scale": 2}
    data = DataSpec(channels=1, height=10, width=12)


class TestFeaturesTexturesAndDiscriminator(FamilyContract):
    family = "enhancenet"
    model: ClassVar = {**SMALL, "loss": "PAT", "texture_patch": 4}
    data = DataSpec(channels=3, height=32, width=32)

    @pytest.fixture(autouse=True)
    def weights(self, vgg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "model", {**self.model, "features_file": str(vgg)})
