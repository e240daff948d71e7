from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class WithLabel(nn.Module):
    """Rectifiers of the label alone, then of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.of_label, self.of_image = nn.ReLU(), nn.ReLU()

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        return self.of_label(label.float())[:, None] + self.of_image(image).flatten(1)


def test_activations_come_in_the_order_of_the_call(convolutional, images: Tensor) -> None:
    shapes = [tuple(activation.shape) for activation in convolutional.activations(images)]
    assert shapes == [(12, 4, 4, 4), (12, 6, 2, 2)]


def test_activations_are_not_changed_by_what_follows_in_place(make_discriminator) -> None:
    given = torch.full((1, 2), 3.0)
    (first, second) = make_discriminator(nn.Sequential(nn.ReLU(), nn.ELU(), nn.Flatten())).activations(given)
    doubled = make_discriminator(nn.Sequential(nn.ReLU(), _Twice()))
    assert torch.equal(doubled.activations(given)[0], given)
    assert torch.equal(first, second)


class _Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2)


def test_a_conditional_discriminator_is_told_label_0_unless_there_is_a_better_one(make_discriminator) -> None:
    discriminator = make_discriminator(WithLabel(), conditional=True)
    image = torch.zeros(2, 1, 1, 1)
    assert discriminator(image).tolist() == [0, 0]
    assert discriminator(image, torch.tensor([3, 5])).tolist() == [3, 5]


def test_statistics_are_those_of_the_images_and_the_model_is_left_alone(convolutional, images: Tensor) -> None:
    network = convolutional.modules["discriminator"]
    before = copy.deepcopy(network.state_dict())
    recomputed = convolutional.with_statistics_of(iter(images.split(4)))
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    given = network[:3](images)
    norm = recomputed.modules["discriminator"][3]
    # The mean of means of equal batches is the mean of all; the variance is the mean of those within the batches.
    torch.testing.assert_close(norm.running_mean, given.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    within = torch.stack([part.transpose(0, 1).flatten(1).var(1) for part in given.split(4)]).mean(0)
    torch.testing.assert_close(norm.running_var, within, rtol=1e-5, atol=1e-6)
    assert not recomputed.modules["discriminator"].training
    assert torch.equal(recomputed(images)[:3], recomputed(images[:3]))  # independent of the batch


def test_without_batch_normalisation_nothing_is_copied(make_discriminator, images: Tensor) -> None:
    discriminator = make_discriminator(nn.Sequential(nn.Flatten(), nn.Linear(192, 2), nn.ReLU()))
    assert discriminator.with_statistics_of([images]) is discriminator


def test_networks_that_are_not_asked_keep_their_statistics(convolutional, images: Tensor) -> None:
    convolutional.modules["generator"] = nn.Sequential(nn.BatchNorm2d(3)).eval()
    convolutional.modules["generator"][0].running_mean.fill_(7)
    recomputed = convolutional.with_statistics_of([images])
    assert (recomputed.modules["generator"][0].running_mean == 7).all()
