"""Losses and gradients of one step equal those in plain PyTorch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.family import DataSpec, Nets
from gancli.nn.imresize import degrade, imresize
from gancli.testing import context
from gancli_enhancenet.config import Config
from gancli_enhancenet.family import EnhanceNet

DATA = DataSpec(channels=3, height=32, width=64)
MEANS = (0.476, 0.450, 0.409)


class PlainGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1)
        self.block1, self.block2 = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.up1, self.up2 = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.conv2, self.conv3 = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 3, 3, 1, 1)

    def forward(self, small: Tensor) -> Tensor:
        """Map images in [0, 1] to the difference to their bicubic upscaling."""
        x = self.conv1(small - torch.tensor(MEANS).view(3, 1, 1)).relu()
        x = x + self.block2(self.block1(x).relu())
        for up in (self.up1, self.up2):
            x = up(x.repeat_interleave(2, 2).repeat_interleave(2, 3)).relu()
        return self.conv3(self.conv2(x).relu())


def plain_discriminator() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, 2), (2, 4), (4, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(before, after, 3, 1, 1), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(after, after, 3, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))


def copied(plain: nn.Module, ours: nn.Module) -> nn.Module:
    for parameter, value in zip(plain.parameters(), ours.parameters(), strict=True):
        parameter.data.copy_(value)
    return plain


def test_losses_and_gradients_equal_plain_pytorch() -> None:
    torch.manual_seed(0)
    options = {"blocks": 1, "channels": 4, "discriminator_channels": 2, "adversarial_weight": 0.25}
    family = EnhanceNet(Config.model_validate(options), DATA)
    modules, ctx = family.build(), context()
    generator = copied(PlainGenerator(), modules["generator"])
    discriminator = copied(plain_discriminator(), modules["discriminator"])
    image = torch.rand(6, *DATA.shape) * 2 - 1

    small = degrade(image, 4)
    fake = imresize((small + 1) / 2, scale=4) + generator((small + 1) / 2)
    criterion, one, zero = nn.BCEWithLogitsLoss(), torch.ones(6, 1), torch.zeros(6, 1)
    expected = {
        "generator": {
            "pixels": F.mse_loss(fake, (image + 1) / 2),
            "adversarial": 0.25 * criterion(discriminator(2 * fake - 1), one),
        },
        "discriminator": {
            "real": criterion(discriminator(image), one),
            "fake": criterion(discriminator(2 * fake.detach() - 1), zero),
        },
    }
    for turn, plain in zip(family.stages()[1].turns, (generator, discriminator), strict=True):
        terms = turn.loss(Nets(modules), {"image": image}, ctx)
        assert {name: term.item() for name, term in terms.items()} == pytest.approx(
            {name: term.item() for name, term in expected[turn.player].items()}, rel=1e-5
        )
        ours = torch.autograd.grad(torch.stack(list(terms.values())).sum(), list(modules[turn.player].parameters()))
        total = torch.stack(list(expected[turn.player].values())).sum()
        theirs = torch.autograd.grad(total, list(plain.parameters()), retain_graph=True)
        scale = max(gradient.norm() for gradient in theirs)
        for mine, gradient in zip(ours, theirs, strict=True):
            assert (mine - gradient).norm() <= 1e-5 * gradient.norm() + 1e-6 * scale
