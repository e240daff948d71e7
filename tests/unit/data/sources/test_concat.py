"""Source `concat`, and the keys `attributes` and `dataset` derived from labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gancli.data.dataset import array_for, open_dataset, open_source
from gancli.data.loader import Loader
from gancli.data.source import PackedDataset
from gancli.data.sources.builtin import gan_datasets
from gancli.data.sources.concat import concat_labelled
from gancli.data.sources.config import ConcatConfig
from gancli.data.sources.synthetic import batch, synthetic
from gancli.data.spec import DataSpec, LabelSet
from gancli.errors import DataError, UsageError
from gancli.io.files import CACHE_VARIABLE
from gancli.io.types import Array
from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo
from gancli.recipes.recipe import load_recipe

Save = Callable[..., Path]

FACES = LabelSet(name="faces", labels=("young", "smiling"), exclusive=False)
MOODS = LabelSet(name="moods", labels=("happy", "sad", "angry"), exclusive=True)


def images(count: int, first: int = 0) -> Array:
    numbers = np.arange(first, first + count, dtype=np.uint8)
    return np.broadcast_to(numbers[:, None, None, None], (count, 3, 4, 6)).copy()


def labelled(count: int = 3) -> PackedDataset:
    spec = DataSpec(channels=3, height=4, width=6, labels=MOODS.labels)
    labels = np.arange(count) % 3
    return PackedDataset.of_images(images=images(count, 100), labels=labels, spec=spec, fingerprint="moods")


def with_attributes(count: int = 7) -> PackedDataset:
    free = LabelSet(labels=FACES.labels, exclusive=False)
    spec = DataSpec(channels=3, height=4, width=6, labels=FACES.labels, label_sets=(free,))
    attributes = (np.arange(2 * count) % 3 == 0).astype(np.float32).reshape(count, 2)
    return PackedDataset(arrays={"image": images(count), "attributes": attributes}, spec=spec, fingerprint="faces")


def concatenated(*, balance: bool = False) -> PackedDataset:
    return concat_labelled({"faces": with_attributes(), "moods": labelled()}, balance=balance)


def test_labels_are_served_as_attributes() -> None:
    packed = labelled(5)
    assert np.array_equal(array_for(packed, "attributes"), np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]])
    assert array_for(packed, "attributes").dtype == np.float32
    for one in (packed, with_attributes(5)):
        assert array_for(one, "dataset").tolist() == [0] * 5
        assert array_for(one, "dataset").dtype == np.int64
    assert array_for(packed, "label") is packed.arrays["label"]


def test_a_loader_serves_what_is_made_of_labels() -> None:
    packed = labelled(9)
    loader = Loader(packed, keys=("image", "attributes", "dataset"), seed=0, device=torch.device("cpu"))
    samples = loader.next_batch(6)
    numbers = ((samples["image"][:, 0, 0, 0] + 1) * 127.5).round().long() - 100
    assert torch.equal(samples["attributes"].argmax(1), numbers % 3)
    assert torch.equal(samples["attributes"].sum(1), torch.ones(6))
    assert samples["dataset"].tolist() == [0] * 6


@pytest.mark.parametrize("key", ["attributes", "dataset"])
def test_nothing_is_made_of_nothing(key: str) -> None:
    spec = DataSpec(channels=3, height=4, width=6)
    bare = PackedDataset.of_images(images=images(3), labels=None, spec=spec, fingerprint="")
    with pytest.raises(DataError, match=f"the data has no '{key}'; choose a source that yields it"):
        array_for(bare, key)


@pytest.mark.parametrize("info", gan_datasets(), ids=lambda info: info.name)
def test_what_a_source_is_said_to_serve_can_be_made(info: DatasetInfo) -> None:
    """The check of a recipe, which reads no data, agrees with the loader."""
    arrays: dict[str, Array] = {key: np.zeros((2, 1), np.int64) for key in info.yields}
    arrays["image"] = images(2)
    if "label" in arrays:
        arrays["label"] = np.zeros(2, np.int64)
    packed = PackedDataset(arrays=arrays, spec=DataSpec(channels=3, height=4, width=6, labels=("x",)), fingerprint="")
    for key in ("label", "attributes", "dataset"):
        if key in info.serves:
            assert len(array_for(packed, key)) == 2
        else:
            with pytest.raises(DataError):
                array_for(packed, key)


def test_labels_by_data_set() -> None:
    assert labelled().spec.known == (LabelSet(labels=MOODS.labels, exclusive=True),)
    assert DataSpec(channels=1, height=4, width=4).known == ()
    assert concatenated().spec.known == (FACES, MOODS)
    for spec in (labelled().spec, with_attributes().spec, concatenated().spec):
        assert DataSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    # Fingerprints are computed from this, and those of existing runs must not change.
    assert set(labelled().spec.to_json()) == {"channels", "height", "width", "labels", "kind"}


def test_each_image_knows_the_labels_of_its_own_source() -> None:
    packed = concatenated()
    assert packed.spec.labels == FACES.labels + MOODS.labels
    assert packed.images[:, 0, 0, 0].tolist() == [*range(7), 100, 101, 102]
    assert packed.arrays["dataset"].tolist() == [0] * 7 + [1] * 3
    attributes = packed.arrays["attributes"]
    assert np.array_equal(attributes[:7, :2], with_attributes().arrays["attributes"])
    assert np.array_equal(attributes[7:, 2:], np.eye(3))
    assert not attributes[:7, 2:].any()
    assert not attributes[7:, :2].any()
    assert packed.epoch is None
    assert packed.fingerprint != concatenated(balance=True).fingerprint


def test_an_epoch_shows_every_source_equally_often() -> None:
    packed = concatenated(balance=True)
    loader = Loader(packed, keys=("image", "dataset"), seed=0, device=torch.device("cpu"))
    samples = loader.next_batch(14)
    numbers = ((samples["image"][:, 0, 0, 0] + 1) * 127.5).round().long()
    assert sorted(numbers.tolist()) == [*range(7), 100, 100, 100, 101, 101, 102, 102]
    assert samples["dataset"].tolist() == (numbers >= 100).long().tolist()
    assert loader.next_batch(14)["dataset"].sum() == 7


def test_mapped_images_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    np.save(tmp_path / "faces.npy", images(7))
    mapped = np.load(tmp_path / "faces.npy", mmap_mode="r")
    faces = with_attributes()
    parts = {
        "faces": PackedDataset(arrays={**faces.arrays, "image": mapped}, spec=faces.spec, fingerprint="mapped"),
        "moods": labelled(),
    }
    for _ in range(2):  # writes to the cache; reads from it
        packed = concat_labelled(parts, balance=False)
        assert isinstance(packed.images, np.memmap)
        assert np.array_equal(packed.images, concatenated().images)
    assert not isinstance(concatenated().images, np.memmap)


def test_what_cannot_be_joined() -> None:
    spec = DataSpec(channels=1, height=4, width=6, labels=("x",))
    grey = PackedDataset.of_images(images=images(3)[:, :1], labels=np.zeros(3, np.int64), spec=spec, fingerprint="")
    with pytest.raises(DataError, match=r"differ in channels or size \(3x4x6 in a, 1x4x6 in b\)"):
        concat_labelled({"a": labelled(), "b": grey}, balance=True)
    with pytest.raises(DataError, match="a and b both have a label 'happy'; rename it in one of them"):
        concat_labelled({"a": labelled(), "b": labelled()}, balance=True)


def digits(**options: Any) -> dict[str, Any]:
    return {"source": "digits", **options}


def concat(**options: Any) -> ConcatConfig:
    given = {"source": "concat", "resolution": 8, "channels": 3, **options}
    return ConcatConfig.model_validate_json(json.dumps(given))


def test_sources_are_read_at_one_size(root: Path, save: Save) -> None:
    for number in range(3):
        save(root / f"{number}.png", colour=10 * number)
    table = root.parent / "table.csv"
    table.write_text("file,Young\n0.png,1\n1.png,0\n2.png,1\n")
    faces = {"source": "attributes", "root": str(root), "table": str(table)}
    config = concat(sources={"faces": faces, "red": {"source": "coloured-digits", "limit": 5}}, split="all")
    packed = open_dataset(config)
    assert packed.spec.shape == (3, 8, 8)
    assert packed.spec.known == (
        LabelSet(name="faces", labels=("Young",), exclusive=False),
        LabelSet(name="red", labels=("red", "green", "blue"), exclusive=True),
    )
    assert packed.arrays["dataset"].tolist() == [0] * 3 + [1] * 5
    assert packed.arrays["attributes"][:3, 0].tolist() == [1, 0, 1]
    assert ConcatConfig.model_validate_json(config.model_dump_json()) == config  # the recipe of a run has all options
    summary = open_source(config).survey()
    assert (summary.count, list(summary.parts)) == (3 + 1797, ["faces", "red"])


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (digits(limit=0), "b.limit must be a whole number greater than 0, not 0"),
        (digits(limti=1), "unknown option 'limti' in b: did you mean 'limit'?"),
        (digits(resolution=4), "b.resolution must be left out: set data.resolution, which applies to all sources"),
        ({"source": "digit"}, "b: unknown data source 'digit': did you mean 'digits'?"),
        ({"source": "photo-pairs"}, "b: the source 'photo-pairs' cannot be concatenated"),
        ({"source": "concat", "sources": {}}, "b: the source 'concat' cannot be concatenated"),
        ({"source": "attributes", "root": "x"}, "b needs 'table' (file with one line for each image"),
        ({}, "b must be a mapping of options with a source, not a mapping"),
        (3, "b must be a mapping of options with a source, not 3"),
    ],
)
def test_a_mistake_in_a_source_is_named(second: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        concat(sources={"a": digits(), "b": second})
    assert sentence in str(caught.value)
    (tmp_path / "r.yaml").write_text(
        f"family: gan\ndata: {json.dumps({'source': 'joined', 'sources': {'b': second}})}\n"
    )
    with pytest.raises(UsageError, match=r"r\.yaml:2:") as raised:
        load_recipe(str(tmp_path / "r.yaml"))
    assert sentence in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("option", [{"limit": 3}, {"classes": ["1"]}])
def test_what_is_of_one_source_is_set_there(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must be left out: set it within a source"):
        concat(sources={"a": digits(), "b": {"source": "coloured-digits"}}, **option)


def test_synthetic_data_keep_to_the_label_sets() -> None:
    spec = DataSpec(channels=3, height=4, width=6, labels=FACES.labels + MOODS.labels, label_sets=(FACES, MOODS))
    keys = ("image", "attributes", "dataset")
    info = FamilyInfo(name="f", summary="", paper="", tasks=(), batch=keys, family="", config="")
    packed, samples = synthetic(spec, keys=keys, count=40), batch(info, spec, size=40)
    for attributes, dataset in (
        (packed.arrays["attributes"], packed.arrays["dataset"]),
        (samples["attributes"].numpy(), samples["dataset"].numpy()),
    ):
        assert set(dataset) == {0, 1}
        assert np.array_equal(attributes[:, 2:].sum(1), dataset == 1)
        assert not attributes[dataset == 1, :2].any()
