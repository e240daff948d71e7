"""Parameter counts, layers and noise of the U-Net."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.layers import PerImageBatchNorm2d
from gancli.nn.unet import AlwaysDropout, UNet, unet_levels


@pytest.mark.parametrize(("levels", "count"), [(8, 54_413_955), (7, 41_828_995)])
def test_parameter_counts(levels: int, count: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in UNet(3, 3, levels=levels).parameters()) == count


def test_the_published_network() -> None:
    """Encoder C64-C128-C256-C512x5, decoder CD512x3-C512-C256-C128-C64-C3; no norm at the image or the bottleneck."""
    with torch.device("meta"):
        network = UNet(3, 3, levels=8)
    down = [next(each for each in part.modules() if isinstance(each, nn.Conv2d)) for part in network.down]
    up = [next(each for each in part.modules() if isinstance(each, nn.ConvTranspose2d)) for part in network.up]
    assert [layer.out_channels for layer in down] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [layer.in_channels for layer in up] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert [layer.out_channels for layer in up] == [512, 512, 512, 512, 256, 128, 64, 3]

    def holding(kind: type[nn.Module], parts: nn.ModuleList) -> list[int]:
        return [index for index, part in enumerate(parts) if any(isinstance(each, kind) for each in part.modules())]

    assert holding(PerImageBatchNorm2d, network.down) == [1, 2, 3, 4, 5, 6]
    assert holding(PerImageBatchNorm2d, network.up) == [0, 1, 2, 3, 4, 5, 6]
    assert holding(AlwaysDropout, network.up) == [0, 1, 2]


@pytest.mark.parametrize("size", [(4, 4), (16, 16), (32, 64), (64, 32)])
def test_images_come_out_at_their_size_from_a_bottleneck_of_one_pixel(size: tuple[int, int]) -> None:
    network = UNet(3, 1, levels=unet_levels(size), channels=2)
    image = torch.randn(2, 3, *size)
    bottleneck = image
    for layer in network.down:
        bottleneck = layer(bottleneck)
    assert min(bottleneck.shape[2:]) == 1
    drawn = network(image)
    assert drawn.shape == (2, 1, *size)
    assert drawn.abs().max() <= 1


def plain(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Compute a U-Net of three levels in eval mode, without dropout."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.instance_norm(x, weight=weights[f"{name}.weight"], bias=weights[f"{name}.bias"])

    first = F.conv2d(x, weights["down.0.weight"], None, 2, 1)
    second = norm(F.conv2d(F.leaky_relu(first, 0.2), weights["down.1.1.weight"], None, 2, 1), "down.1.2")
    third = F.conv2d(F.leaky_relu(second, 0.2), weights["down.2.1.weight"], None, 2, 1)
    x = norm(F.conv_transpose2d(third.relu(), weights["up.0.1.weight"], None, 2, 1), "up.0.2")
    x = norm(F.conv_transpose2d(torch.cat([x, second], 1).relu(), weights["up.1.1.weight"], None, 2, 1), "up.1.2")
    x = torch.cat([x, first], 1).relu()
    return F.conv_transpose2d(x, weights["up.2.1.weight"], weights["up.2.1.bias"], 2, 1).tanh()


def test_it_is_the_network_of_the_paper() -> None:
    torch.manual_seed(0)
    network = UNet(2, 3, levels=3, channels=4, dropout=0).eval()
    image = torch.randn(2, 2, 8, 16)
    assert torch.allclose(network(image), plain(dict(network.named_parameters()), image), atol=1e-5)


@pytest.mark.parametrize("mode", [True, False])
def test_dropout_is_noise_in_training_and_in_use(mode: bool) -> None:
    image = torch.randn(2, 1, 16, 16)
    noisy = UNet(1, 1, levels=4, channels=4).train(mode)
    torch.manual_seed(0)
    first, second = noisy(image), noisy(image)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(first, noisy(image))
    quiet = UNet(1, 1, levels=4, channels=4, dropout=0).train(mode)
    assert torch.equal(quiet(image), quiet(image))


def test_an_image_in_use_does_not_depend_on_those_beside_it() -> None:
    network = UNet(1, 1, levels=4, channels=4, dropout=0).eval()
    images = torch.randn(3, 1, 16, 16)
    assert torch.allclose(network(images)[1:2], network(images[1:2]), atol=1e-6)


def test_a_batch_of_one_trains() -> None:
    """Normalisation of the bottleneck, which has one pixel, would raise an error."""
    network = UNet(1, 1, levels=4, channels=4)
    network(torch.randn(1, 1, 16, 16)).square().mean().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize(
    ("size", "levels"),
    [((256, 256), 8), ((128, 128), 7), ((512, 256), 8), ((512, 1024), 8), ((32, 96), 5), ((4, 8), 2)],
)
def test_levels(size: tuple[int, int], levels: int) -> None:
    assert unet_levels(size) == levels


@pytest.mark.parametrize("size", [(28, 28), (3, 3), (2, 2), (256, 300), (32, 80)])
def test_a_size_that_does_not_fit_is_answered_by_one_that_does(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=f"images of {size[0]}x{size[1]} cannot be halved") as caught:
        unet_levels(size)
    words = str(caught.value).split()
    side = int(words[words.index("as", words.index("such")) + 1].rstrip(","))
    assert unet_levels((side, side))
