"""Classifier of the data's own labels, and its file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gancli.data.loader import images_at
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.metrics.backbones import classifier
from gancli.metrics.backbones import classifier as classifier_file
from gancli.metrics.backbones.classifier import FEATURES, Classifier, Description, augment, read, train, write
from gancli.metrics.backbones.select import classifier_for

CPU = torch.device("cpu")
DESCRIPTION = Description(channels=1, height=8, width=8, labels=("left", "right"))


def all_of(packed: PackedDataset) -> torch.Tensor:
    return images_at(packed, np.arange(len(packed.images)), CPU)


def test_it_learns_the_labels(quick: Path, labelled_halves) -> None:
    network, test = train(labelled_halves(300, seed=0)), labelled_halves(200, seed=1)
    output = network(all_of(test))
    assert output.features.shape == (200, FEATURES)
    assert (output.logits.argmax(1).numpy() == test.labels).mean() > 0.95


def test_features_have_a_mean_square_of_1(quick: Path, labelled_halves) -> None:
    packed = labelled_halves(300, seed=0)
    assert train(packed)(all_of(packed)).features.square().mean().item() == pytest.approx(1, rel=1e-4)


def test_it_is_the_same_whatever_surrounds_it(quick: Path, labelled_halves) -> None:
    """The caller's threads, random state, gradients and precision have no effect and are not changed."""
    packed, threads = labelled_halves(300, seed=0), torch.get_num_threads()
    torch.manual_seed(1)
    first = train(packed)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            second = train(packed)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


@pytest.mark.parametrize(
    ("shape", "size", "description"),
    [((3, 8, 12), (8, 12), "8x12"), ((1, 40, 20), (32, 20), "32x20"), ((4, 64, 64), (32, 32), "32x32")],
)
def test_images_of_any_shape_are_brought_to_32_at_most(shape, size, description: str) -> None:
    network = Classifier(*shape, labels=5).eval()
    images = torch.rand(2, *shape) * 2 - 1
    assert network.reduce(images).shape == (2, shape[0], *size)
    assert network.input.startswith(description)
    assert network(images).logits.shape == (2, 5)
    if shape == (4, 64, 64):
        assert torch.allclose(network.reduce(images)[:, :, 0, 0], images[:, :, :2, :2].mean((2, 3)))


def test_images_are_moved_each_in_its_own_way() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.full((4, 3, 9, 9), 0.25)
    assert torch.allclose(augment(flat, generator), flat)
    image = torch.rand(1, 1, 9, 9).expand(4, -1, -1, -1)
    once = augment(image, generator)
    assert once.shape == image.shape
    assert not torch.allclose(once[0], once[1])
    assert torch.equal(
        augment(image, torch.Generator().manual_seed(3)), augment(image, torch.Generator().manual_seed(3))
    )


def test_labels_that_do_not_depend_on_the_image_are_not_learned(quick: Path, halves_of_noise) -> None:
    test = halves_of_noise(400, seed=1)
    right = (train(halves_of_noise(300, seed=0))(all_of(test)).logits.argmax(1).numpy() == test.labels).mean()
    assert 0.35 < right < 0.65


def test_a_file_holds_all_of_it_and_is_the_same_bytes_again(tmp_path: Path) -> None:
    network = DESCRIPTION.build()
    for name in ("a", "b"):
        write(tmp_path / "new" / f"{name}.safetensors", network, DESCRIPTION)
    saved = read(tmp_path / "new" / "a.safetensors")
    assert (tmp_path / "new" / "a.safetensors").read_bytes() == (tmp_path / "new" / "b.safetensors").read_bytes()
    assert saved.description == DESCRIPTION
    assert len(saved.digest) == 64
    images = torch.rand(3, 1, 8, 8)
    assert torch.equal(saved.network(images).logits, network(images).logits)
    assert not saved.network.training


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2)}, other)
    with pytest.raises(DataError, match="no classifier trained by gancli"):
        read(other)
    other.write_bytes(b"nothing")
    with pytest.raises(DataError):
        read(other)
    about = {"channels": 1, "height": 8, "width": 8, "labels": ["a"], "version": 1}
    save_file({"a": torch.zeros(2)}, other, metadata={classifier_file.METADATA_KEY: json.dumps(about)})
    with pytest.raises(DataError, match="damaged classifier"):
        read(other)
    save_file(
        {"a": torch.zeros(2)}, other, metadata={classifier_file.METADATA_KEY: json.dumps({**about, "version": 0})}
    )
    with pytest.raises(DataError, match="another version"):
        read(other)


def test_it_is_trained_once_for_the_same_data(quick: Path, labelled_halves, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = labelled_halves(60, seed=0)
    first = classifier_for(packed)
    monkeypatch.setattr("gancli.metrics.backbones.select.train", lambda packed: pytest.fail("trained again"))
    assert classifier_for(packed).digest == first.digest


def test_a_damaged_file_in_the_cache_is_trained_again(quick: Path, labelled_halves) -> None:
    packed = labelled_halves(60, seed=0)
    first = classifier_for(packed).digest
    (file,) = (quick / "classifiers").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert classifier_for(packed).digest == first


def test_other_data_have_another_classifier(quick: Path, labelled_halves) -> None:
    assert classifier_for(labelled_halves(60, seed=0)).digest != classifier_for(labelled_halves(60, seed=1)).digest
    assert len(list((quick / "classifiers").iterdir())) == 2


def test_few_images_fill_batches_all_the_same(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "MIN_IMAGES", 300)
    spec = DataSpec(channels=1, height=8, width=8, labels=("a", "b"))
    images = np.zeros((3, 1, 8, 8), dtype=np.uint8)
    labels = np.array([0, 1, 0])
    network = train(PackedDataset.of_images(images=images, labels=labels, spec=spec, fingerprint="few"))
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
