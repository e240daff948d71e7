"""The built-in sources, and their descriptions by the plugin."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from gancli.data.dataset import open_dataset, open_source
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.arrays import Arrays, pack_arrays
from gancli.data.sources.builtin import gan_datasets
from gancli.data.sources.config import DigitsConfig, PhotoPatchesConfig
from gancli.data.spec import DataSpec
from gancli.errors import DataError, UsageError
from gancli.plugins.hookspecs import DatasetInfo
from gancli.plugins.registry import import_class, registry
from gancli.recipes.options import SourceConfig


@pytest.mark.parametrize("info", gan_datasets(), ids=lambda info: info.name)
def test_every_description_holds(info: DatasetInfo) -> None:
    assert issubclass(import_class(info.source), Source)
    config = import_class(info.config)
    assert issubclass(config, SourceConfig)
    assert info.needs in ("", "download", "files")
    assert all(field.description for field in config.model_fields.values())


@pytest.mark.parametrize(
    ("alias", "name"), [("photos", "photo-patches"), ("photographs", "photo-crops"), ("joined", "concat")]
)
def test_former_names_of_sources_give_the_same_data(alias: str, name: str) -> None:
    digits = {"sources": {part: {"source": part} for part in ("digits", "coloured-digits")}, "channels": 3}
    options = digits if name == "concat" else {"limit": 2}
    info = registry().dataset(alias)
    assert info == registry().dataset(name)
    assert (info.name, info.aliases) == (name, (alias,))
    assert alias not in registry().datasets()
    config = import_class(info.config)
    one, other = (config.model_validate_json(json.dumps({"source": each, **options})) for each in (alias, name))
    assert open_dataset(one).fingerprint == open_dataset(other).fingerprint
    assert open_source(one).survey().source == alias


def test_describing_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'PIL', 'sklearn'}"
    code = f"import sys, gancli.data.sources.builtin, gancli.data.sources.config; print(*{heavy} & {{*sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_reading_does_without_torch() -> None:
    code = (
        "import sys; from gancli.data.dataset import open_dataset; from gancli.data.sources.config import DigitsConfig;"
        "open_dataset(DigitsConfig(source='digits', resolution=16)); print(*{'torch','sklearn'} & {*sys.modules})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    packed = open_dataset(DigitsConfig(source="digits", split="all"))
    reference = load_digits()
    assert np.array_equal(packed.images[:, 0], np.floor(reference.images * 255 / 16 + 0.5))
    assert np.array_equal(packed.labels, reference.target)
    assert packed.spec == DataSpec(channels=1, height=8, width=8, labels=tuple("0123456789"))
    assert packed.images.max() == 255


def test_digits_splits_resolutions_and_channels() -> None:
    sizes = {split: len(open_dataset(DigitsConfig(source="digits", split=split)).images) for split in ("train", "test")}
    assert sizes == {"train": 1437, "test": 360}
    packed = open_dataset(DigitsConfig(source="digits", resolution=(16, 32), channels=3, classes=(3, "5"), limit=20))
    assert packed.images.shape == (20, 3, 16, 32)
    assert packed.spec.labels == ("3", "5")
    assert np.array_equal(packed.images[:, 0], packed.images[:, 2])
    assert set(packed.labels.tolist()) == {0, 1}


def test_fingerprints() -> None:
    def fingerprint(**options: object) -> str:
        return open_dataset(DigitsConfig(source="digits", **options)).fingerprint

    options = ({}, {"resolution": 16}, {"channels": 3}, {"limit": 5}, {"split": "test"}, {"classes": (1,)})
    fingerprints = [fingerprint(**each) for each in options]
    assert len(set(fingerprints)) == len(options)
    assert fingerprints[0] == fingerprint(flip=True) == fingerprint(resolution=8)
    assert len(fingerprints[0]) == 64


def test_photos() -> None:
    from sklearn.datasets import load_sample_image

    packed = open_dataset(PhotoPatchesConfig(source="photos"))
    assert packed.spec == DataSpec(channels=3, height=64, width=64, labels=("china", "flower"))
    assert len(packed.images) == 2 * 23 * 29
    assert np.array_equal(packed.images[0].transpose(1, 2, 0), load_sample_image("china.jpg")[:64, :64])
    assert np.array_equal(packed.images[30].transpose(1, 2, 0), load_sample_image("china.jpg")[16:80, 16:80])
    assert packed.labels.tolist() == [0] * 667 + [1] * 667


def test_photos_train_and_test_do_not_overlap() -> None:
    columns = {}
    for split in ("train", "test", "all"):
        packed = open_dataset(PhotoPatchesConfig(source="photos", split=split, resolution=(100, 64), stride=64))
        columns[split] = len(packed.images)
    assert columns == {"train": 2 * 6 * 8, "test": 2 * 6 * 2, "all": 2 * 6 * 10}
    with pytest.raises(DataError, match=r"smaller data\.resolution"):
        open_dataset(PhotoPatchesConfig(source="photos", split="test", resolution=129))


def test_luma_is_pillows(noise: np.ndarray) -> None:
    from PIL import Image

    packed = pack_arrays(Arrays(noise, None, ()), SourceConfig(source="x", channels=1))
    for image, grey in zip(noise, packed.images, strict=True):
        assert np.array_equal(np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L")), grey[0])
    assert (pack_arrays(Arrays(noise, None, ()), SourceConfig(source="x", channels=4)).images[:, 3] == 255).all()


def test_a_plain_config_is_completed() -> None:
    assert len(open_dataset(SourceConfig(source="photos", limit=3)).images) == 3
    with pytest.raises(UsageError, match="did you mean 'digits'"):
        open_source(SourceConfig(source="digit"))


@pytest.mark.parametrize("fault", ["dtype", "shape", "labels", "names", "empty"])
def test_a_plugins_source_is_held_to_the_contract(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.zeros((0 if fault == "empty" else 3, 1, 4, 4), dtype=np.int64 if fault == "dtype" else np.uint8)
    labels = np.zeros(2 if fault == "labels" else len(images), dtype=np.int64)
    spec = DataSpec(channels=1, height=5 if fault == "shape" else 4, width=4, labels=() if fault == "names" else ("a",))

    class Faulty(Source[SourceConfig]):
        def read(self, progress: object = None) -> PackedDataset:
            return PackedDataset.of_images(images=images, labels=labels, spec=spec, fingerprint="")

        def survey(self, progress: object = None) -> DataSummary:
            raise NotImplementedError

    monkeypatch.setattr("gancli.data.sources.digits.DigitsSource", Faulty)
    with pytest.raises(DataError, match="has no images" if fault == "empty" else "broken"):
        open_dataset(SourceConfig(source="digits"))


def test_an_impossible_choice_is_named() -> None:
    with pytest.raises(DataError, match=r"no images of the source .* are selected"):
        open_dataset(DigitsConfig(source="digits", split="test", classes=(1,), limit=1).model_copy(update={"limit": 0}))


def test_surveys_of_arrays() -> None:
    survey = open_source(DigitsConfig(source="digits", split="all", resolution=32)).survey()
    assert survey.count == 1797
    assert survey.sizes == {(8, 8): 1797}
    assert survey.labels["0"] == 178
    assert survey.to_json()["channels"] == [{"channels": 1, "count": 1797}]
