"""Selection of the backbone by its name, and the default."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gancli.data.source import PackedDataset
from gancli.errors import DataError, UsageError
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.metrics.backbones import Backbone
from gancli.metrics.backbones.classifier import Description, write
from gancli.metrics.backbones.select import convert_images, select_backbone
from gancli.metrics.context import FeatureModel, MetricContext, Options
from gancli.recipes.options import FamilyConfig


def of(name: str) -> Backbone:
    return Backbone(name=name, digest="", input="", extract=lambda images: pytest.fail("called"))


def test_only_inception_gives_metrics_their_published_names() -> None:
    assert [of("inception").metric_name(metric) for metric in ("FD", "KD", "IS")] == ["FID", "KID", "IS"]
    assert of("classifier").metric_name("FD") == "FD(classifier)"
    assert of("mine").metric_name("KD") == "KD(mine)"
    assert of("inception").metric_name("precision") == "precision(inception)"


def test_the_classifier_of_the_data_is_the_default_and_asked_for_once(quick: Path, make_context) -> None:
    one = make_context()
    backbone = select_backbone(one)
    assert (backbone.name, backbone.labels) == ("classifier", ("left", "right"))
    assert select_backbone(one) is backbone
    assert select_backbone(make_context(options=Options(backbone="classifier"))).digest == backbone.digest


def without_labels(packed: PackedDataset) -> PackedDataset:
    return replace(packed, arrays={"image": packed.images}, spec=replace(packed.spec, labels=()))


def test_data_without_labels_have_no_classifier(quick: Path, make_context, labelled_halves) -> None:
    packed = labelled_halves(50, seed=0)
    with pytest.raises(DataError, match=r"has no labels to train a classifier on; .*--backbone inception.*swd"):
        select_backbone(make_context(train=without_labels(packed)))
    with pytest.raises(DataError, match="has only one label"):
        select_backbone(make_context(train=replace(packed, arrays={**packed.arrays, "label": packed.labels * 0})))


def test_a_file_of_a_classifier(quick: Path, make_context, tmp_path: Path) -> None:
    description = Description(channels=3, height=16, width=16, labels=("a", "b", "c"))
    network = description.build()
    write(tmp_path / "mine.safetensors", network, description)
    backbone = select_backbone(make_context(options=Options(backbone=str(tmp_path / "mine.safetensors"))))
    assert (backbone.name, backbone.labels) == ("mine", ("a", "b", "c"))
    images = torch.rand(4, 1, 8, 8) * 2 - 1
    assert torch.equal(backbone.extract(images).features, network(convert_images(images, (3, 16, 16))).features)


def test_the_discriminator_of_a_run(quick: Path, make_context, tmp_path: Path) -> None:
    measured: MetricContext = make_context(options=Options(backbone=str(tmp_path)))
    model = FeatureModel(name="other", digest="d", family=measured.family, nets=measured.nets, labels=())
    backbone = select_backbone(replace(measured, feature_model=lambda path: model))
    output = backbone.extract(torch.rand(3, 1, 8, 8))
    assert (backbone.name, backbone.digest, backbone.labels) == ("other", "d", ())
    assert output.features.shape == (3, 4 * 4 * 4)
    assert output.logits is None
    with pytest.raises(UsageError, match="cannot be opened here"):
        select_backbone(make_context(options=Options(backbone=str(tmp_path))))


class Blind(Family[FamilyConfig]):
    """A family without a discriminator."""

    def build(self) -> dict[str, nn.Module]:
        return {}


def test_a_run_without_a_discriminator(quick: Path, make_context, tmp_path: Path) -> None:
    measured: MetricContext = make_context(options=Options(backbone=str(tmp_path)))
    model = FeatureModel(
        name="blind", digest="", family=Blind(FamilyConfig(), measured.family.data), nets=Nets({}), labels=()
    )
    with pytest.raises(UsageError, match="blind has no discriminator"):
        select_backbone(replace(measured, feature_model=lambda path: model))


@pytest.mark.parametrize("name", ["incepton", "nowhere.safetensors", "nowhere.pth"])
def test_what_is_nothing_is_refused(quick: Path, make_context, name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no backbone .* use `classifier`, `inception`"):
        select_backbone(make_context(options=Options(backbone=name)))


@pytest.mark.parametrize(("channels", "wanted"), [(1, 3), (3, 1), (4, 3), (4, 1), (1, 4), (3, 4), (3, 3)])
def test_images_are_fitted(channels: int, wanted: int) -> None:
    images: Any = torch.full((2, channels, 4, 6), 0.5)
    found = convert_images(images, (wanted, 8, 8))
    assert found.shape == (2, wanted, 8, 8)
    assert torch.allclose(found[:, :3], torch.full((2, min(wanted, 3), 8, 8), 0.5))
    if wanted == 4:
        assert torch.equal(found[:, 3], torch.ones(2, 8, 8))
