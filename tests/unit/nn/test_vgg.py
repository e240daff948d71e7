"""Features of VGG-19's layers, compared with torchvision's network with random weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from gancli.errors import DataError, UsageError
from gancli.nn import vgg
from gancli.nn.vgg import CONVOLUTIONS, FeatureNetwork
from gancli.runtime.private_torch import FakeTensorMode

LAYERS = {
    "conv1_1": 0,
    "relu1_1": 1,
    "relu2_2": 8,
    "pool2": 9,
    "relu3_1": 11,
    "conv5_4": 34,
    "relu5_4": 35,
    "pool5": 36,
}
"""Where torchvision has them."""


class Narrow(nn.Module):
    """VGG-19 as in torchvision, with 4 channels in each layer."""

    def __init__(self) -> None:
        super().__init__()
        layers = []
        for number in CONVOLUTIONS:
            layers += [4] * number + ["M"]
        self.features = torchvision.models.vgg.make_layers(layers)


def saved(tensors: dict[str, Tensor], folder: Path) -> Path:
    save_file(tensors, folder / "weights")
    digest = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()
    return (folder / "weights").rename(folder / f"narrow-{digest[:8]}.safetensors")


def images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def narrow() -> Narrow:
    torch.manual_seed(0)
    return Narrow()


def test_layers_are_those_of_torchvision(narrow: Narrow, tmp_path: Path) -> None:
    network = FeatureNetwork(tuple(LAYERS), file=saved(narrow.state_dict(), tmp_path))
    shown = images(2, 3, 32, 48)
    found = network(shown)
    assert list(found) == list(LAYERS)
    x = torchvision.transforms.functional.normalize(
        (shown + 1) / 2, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
    )
    names = {index: name for name, index in LAYERS.items()}
    for index, layer in enumerate(narrow.features):
        x = layer(x.clone())  # whose activations are in-place
        if index in names:
            assert torch.allclose(found[names[index]], x, atol=1e-5), names[index]


def test_the_normalisation_is_that_of_torchvisions_weights() -> None:
    transform = torchvision.models.VGG19_Weights.IMAGENET1K_V1.transforms()
    assert (tuple(transform.mean), tuple(transform.std)) == (vgg.MEAN, vgg.STD)


def test_gradients_reach_the_images_and_nothing_else(narrow: Narrow, tmp_path: Path) -> None:
    network = FeatureNetwork(("relu2_2",), file=saved(narrow.state_dict(), tmp_path))
    shown = images(1, 3, 16, 16).requires_grad_()
    network(shown)["relu2_2"].sum().backward()
    assert shown.grad is not None
    assert shown.grad.abs().max() > 0
    assert not list(network.parameters())
    assert not network.state_dict()


def test_only_what_is_needed_is_computed_and_checked(narrow: Narrow, tmp_path: Path) -> None:
    """A file with weights up to the deepest layer is sufficient, and one that ends before it is not."""
    tensors = {key: value for key, value in narrow.state_dict().items() if int(key.split(".")[1]) <= 7}
    path = saved(tensors, tmp_path)
    assert FeatureNetwork(("relu2_2",), file=path)(images(1, 3, 2, 2))["relu2_2"].shape == (1, 4, 1, 1)
    with pytest.raises(DataError, match=r"features\.10"):
        FeatureNetwork(("relu3_1",), file=path)(images(1, 3, 16, 16))


def test_grey_is_colour_of_three_equal_channels(narrow: Narrow, tmp_path: Path) -> None:
    network = FeatureNetwork(("pool1",), file=saved(narrow.state_dict(), tmp_path))
    grey = images(1, 1, 8, 8)
    assert torch.allclose(network(grey)["pool1"], network(grey.repeat(1, 3, 1, 1))["pool1"], atol=1e-6)
    with pytest.raises(UsageError, match=r"data\.channels"):
        network(images(1, 4, 8, 8))


def test_features_of_bf16_are_float32(narrow: Narrow, tmp_path: Path) -> None:
    network = FeatureNetwork(("relu1_1",), file=saved(narrow.state_dict(), tmp_path))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(images(1, 3, 8, 8))["relu1_1"]
    assert found.dtype == torch.float32


def test_tensors_without_content_have_features_without_content(narrow: Narrow, tmp_path: Path) -> None:
    file = saved(narrow.state_dict(), tmp_path)
    with FakeTensorMode():
        shown = torch.empty(2, 3, 32, 48, requires_grad=True)
        found = FeatureNetwork(("pool2",), file=file)(shown)["pool2"]
        found.sum().backward()
    assert found.shape == (2, 4, 8, 12)
    assert shown.grad is not None


def test_images_that_are_too_small(narrow: Narrow, tmp_path: Path) -> None:
    network = FeatureNetwork(("pool5",), file=saved(narrow.state_dict(), tmp_path))
    with pytest.raises(UsageError, match=r"16x40 .* pool5"):
        network(images(1, 3, 16, 40))


def test_no_such_layer() -> None:
    with pytest.raises(UsageError, match=r"no layer 'relu6_1'"):
        FeatureNetwork(("relu6_1",))
