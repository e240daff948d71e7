"""Filters, compared with known weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gancli.family.context import Nets
from gancli.inspection.filters import first_filters, last_filters
from gancli.nn.layers import Maxout, ToUnitRange


class Draws:
    """A family whose generator is one network."""

    def latent(self, n: int, ctx: object) -> Tensor:
        return torch.zeros(n, 2, 1, 1)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = nets.generator(z)
        return images


class Maps(nn.Module):
    """A convolution of label maps and the image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, 4, 3)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        maps = torch.nn.functional.one_hot(label, 2).float()[:, :, None, None].expand(-1, -1, *image.shape[2:])
        return self.conv(torch.cat([maps, image], 1))


def test_of_a_convolution_they_are_its_weights(convolutional, images: Tensor) -> None:
    filters = first_filters(convolutional, images[:1])
    assert filters is not None
    assert torch.equal(filters, convolutional.modules["discriminator"][0].weight)


def test_maps_of_a_label_are_left_out(make_discriminator, images: Tensor) -> None:
    discriminator = make_discriminator(Maps(), conditional=True)
    filters = first_filters(discriminator, images[:1])
    assert filters is not None
    assert torch.equal(filters, discriminator.modules["discriminator"].conv.weight[:, 2:])


def test_rows_of_a_matrix_are_images(make_discriminator, images: Tensor) -> None:
    layer = nn.Linear(192, 5)
    filters = first_filters(make_discriminator(nn.Sequential(nn.Flatten(), nn.ReLU(), layer)), images[:1])
    assert filters is not None
    assert filters.shape == (5, 3, 8, 8)
    positive = images[0] > 0
    assert torch.equal(filters[:, positive], layer.weight.reshape(5, 3, 8, 8)[:, positive])


def test_of_maxout_every_piece_has_one_however_the_image_is_shifted(make_discriminator, images: Tensor) -> None:
    maxout = Maxout(192, 4, pieces=3)
    filters = first_filters(make_discriminator(nn.Sequential(nn.Flatten(), ToUnitRange(), maxout)), images[:1])
    assert filters is not None
    # From [-1, 1] to [0, 1] the slope is one half.
    assert torch.equal(filters, maxout.linear.weight.reshape(12, 3, 8, 8) / 2)


def test_another_first_layer_has_none(make_discriminator, images: Tensor) -> None:
    assert first_filters(make_discriminator(nn.Sequential(nn.AvgPool2d(8), nn.ReLU())), images[:1]) is None


def test_of_a_generator_they_are_what_one_pixel_of_a_feature_paints() -> None:
    torch.manual_seed(0)
    z = torch.zeros(1, 2, 5, 5)
    for last in (nn.ConvTranspose2d(2, 3, 4, bias=False), nn.Conv2d(2, 3, 3, padding=1, bias=False)):
        modules = {"generator": nn.Sequential(last, nn.Identity()).requires_grad_(False)}
        filters = last_filters(Draws(), Nets(modules), z, None)
        assert filters is not None
        spot = z.clone()
        spot[0, 1, 2, 2] = 1.0
        painted = last(spot)[0]
        start = 2 if isinstance(last, nn.ConvTranspose2d) else 1
        size = filters.shape[2]
        torch.testing.assert_close(painted[:, start : start + size, start : start + size], filters[1])


def test_a_generator_that_ends_in_a_matrix_has_none() -> None:
    modules = {"generator": nn.Sequential(nn.Flatten(), nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))}
    assert last_filters(Draws(), Nets(modules), torch.zeros(1, 2, 1, 1), None) is None
