"""Datasets with several keys: their spec, and the checks of the contract of sources."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gancli.data.dataset import open_dataset
from gancli.data.resolutions import build_levels
from gancli.data.source import DataSummary, PackedDataset, Source, stream_of
from gancli.data.sources.combine import combine_pairs
from gancli.data.sources.synthetic import batch, synthetic
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.io.types import Array
from gancli.recipes.options import SourceConfig

PAIRS = DataSpec(channels=3, height=4, width=6, channels_of={"source": 1, "target": 3})


def images(count: int, channels: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, 4, 6), dtype=np.uint8)


def pairs(count: int = 5) -> PackedDataset:
    return PackedDataset(
        arrays={"source": images(count, 1), "target": images(count, 3)}, spec=PAIRS, fingerprint="f" * 64
    )


@pytest.mark.parametrize("spec", [PAIRS, DataSpec(channels=1, height=2, width=3, labels=("x",))])
def test_a_spec_survives_json(spec: DataSpec) -> None:
    assert DataSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert isinstance(hash(spec), int)


def test_a_spec_of_single_images_reads_as_it_did_before() -> None:
    """Fingerprints are computed from it, and manifests of older runs contain it."""
    values = {"channels": 1, "height": 2, "width": 3, "labels": ["x"], "kind": "image"}
    assert DataSpec(channels=1, height=2, width=3, labels=("x",)).to_json() == values
    assert DataSpec.from_json(values).channels_of == {}


def test_shapes_of_keys() -> None:
    assert PAIRS.image_keys == ("source", "target")
    assert PAIRS.shape == PAIRS.shape_of("target") == (3, 4, 6)
    assert PAIRS.shape_of("source") == (1, 4, 6)
    single = DataSpec(channels=4, height=4, width=6)
    assert single.image_keys == ("image",)
    assert single.shape_of("image") == single.shape


def test_single_images_are_asked_of_pairs_in_vain() -> None:
    packed = pairs()
    with pytest.raises(DataError, match="the data have source and target"):
        _ = packed.images
    assert packed.labels is None
    assert packed.described == "source: 5 images of 1x4x6, target: 5 images of 3x4x6"


def test_an_epoch_of_two_domains_is_that_of_the_larger() -> None:
    spec = DataSpec(channels=1, height=4, width=6, channels_of={"a": 1, "b": 1})
    packed = PackedDataset(arrays={"a": images(3, 1), "b": images(7, 1)}, spec=spec, fingerprint="")
    assert packed.count == 7


@pytest.mark.parametrize(
    ("key", "stream"),
    [("image", ""), ("label", ""), ("attributes", ""), ("source", ""), ("a", "a"), ("a_digit", "a"), ("b_digit", "b")],
)
def test_what_goes_together(key: str, stream: str) -> None:
    assert stream_of(key) == stream


def single(array: Array, **beside: Array) -> PackedDataset:
    spec = DataSpec(channels=array.shape[1], height=array.shape[2], width=array.shape[3])
    return PackedDataset(arrays={"image": array, **beside}, spec=spec, fingerprint=f"{array.sum()}")


def test_joining_keeps_what_is_known_of_each_side() -> None:
    joined = combine_pairs(
        {"a": single(images(3, 1), digit=np.arange(3)), "b": single(images(2, 3), label=np.zeros(2))}, "x"
    )
    assert set(joined.arrays) == {"a", "b", "a_digit"}
    assert joined.spec == DataSpec(channels=3, height=4, width=6, channels_of={"a": 1, "b": 3})
    other = combine_pairs({"a": single(images(3, 1)), "b": single(images(2, 3, seed=1))}, "x")
    assert joined.fingerprint != other.fingerprint
    with pytest.raises(DataError, match=r"differ in size \(4x6 in a, 6x4 in b\); set data\.resolution"):
        combine_pairs({"a": single(images(3, 1)), "b": single(images(3, 1).swapaxes(2, 3))}, "x")


def test_levels_of_every_key(tmp_path: Path) -> None:
    packed = pairs()
    maps = {}
    for key, array in packed.arrays.items():
        np.save(tmp_path / f"{key}.npy", array)
        maps[key] = np.load(tmp_path / f"{key}.npy", mmap_mode="r")
    mapped = PackedDataset(arrays=maps, spec=packed.spec, fingerprint=packed.fingerprint)
    for data in (packed, mapped, mapped):  # in memory; writes to the cache; reads from it
        levels = build_levels(data, [(2, 3)])
        for key, array in packed.arrays.items():
            assert levels[4, 6][key] is data.arrays[key]
            means = array.reshape(5, -1, 2, 2, 3, 2).mean((3, 5))
            assert np.array_equal(levels[2, 3][key], np.rint(means))
            assert isinstance(levels[2, 3][key], np.memmap) == (data is mapped)


def faulty(fault: str) -> dict[str, Array]:
    arrays: dict[str, Array] = {"image": images(4, 3), "attributes": np.zeros((4, 2), dtype=np.float32)}
    if fault == "rows":
        arrays["attributes"] = arrays["attributes"][:3]
    elif fault == "columns":
        arrays["attributes"] = arrays["attributes"][:, :1]
    elif fault == "dtype":
        arrays["attributes"] = arrays["attributes"].astype(np.int64)
    elif fault == "values":
        arrays["attributes"] = arrays["attributes"] - 1
    return arrays


@pytest.mark.parametrize("fault", ["none", "rows", "columns", "dtype", "values", "channels", "missing"])
def test_a_plugins_source_is_held_to_the_contract(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = DataSpec(channels=3, height=4, width=6, labels=("x", "y"))
    if fault in ("channels", "missing"):
        spec = DataSpec(channels=3, height=4, width=6, labels=("x", "y"), channels_of={"image": 1, "other": 3})
    arrays = faulty(fault)
    if fault == "channels":
        arrays["other"] = arrays["image"]

    class Source_(Source[SourceConfig]):  # noqa: N801
        def read(self, progress: object = None) -> PackedDataset:
            return PackedDataset(arrays=arrays, spec=spec, fingerprint="")

        def survey(self, progress: object = None) -> DataSummary:
            raise NotImplementedError

    monkeypatch.setattr("gancli.data.sources.digits.DigitsSource", Source_)
    if fault == "none":
        assert open_dataset(SourceConfig(source="digits")).count == 4
    else:
        with pytest.raises(DataError, match="broken"):
            open_dataset(SourceConfig(source="digits"))


@pytest.mark.parametrize(
    "keys", [("image",), ("image", "label"), ("image", "attributes"), ("source", "target"), ("a", "b")]
)
def test_synthetic_data_are_what_a_family_reads(keys: tuple[str, ...]) -> None:
    from gancli.plugins.hookspecs import FamilyInfo

    spec = DataSpec(channels=3, height=4, width=6, labels=("x", "y"))
    if "image" not in keys:
        spec = DataSpec(channels=3, height=4, width=6, labels=("x", "y"), channels_of={keys[0]: 1, keys[1]: 3})
    packed = synthetic(spec, keys=keys, count=9)
    info = FamilyInfo(name="f", summary="", paper="", tasks=(), batch=keys, family="", config="")
    samples = batch(info, spec, size=4)
    assert set(packed.arrays) == set(samples) == set(keys)
    assert packed.spec == spec
    for key in keys:
        assert packed.arrays[key].shape[1:] == samples[key].shape[1:]
        assert len(packed.arrays[key]) == (8 if key == "b" else 9)
