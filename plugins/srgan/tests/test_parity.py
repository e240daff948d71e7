"""One step of each stage equals the same step in plain PyTorch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.family import DataSpec
from gancli.nn.imresize import degrade
from gancli.testing import BATCH_SIZE, FamilyContract
from gancli.training.trainer import Trainer


class Small(FamilyContract):
    family = "srgan"
    model: ClassVar = {"blocks": 1, "channels": 4, "discriminator_channels": 2, "mse_images": 0, "content_weight": 0.5}
    data = DataSpec(channels=3, height=16, width=24)


class First(Small):
    model: ClassVar = {**Small.model, "mse_images": BATCH_SIZE}


class PlainGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 4, 9, 1, 4), nn.PReLU()
        self.block1, self.norm1, self.prelu2 = nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.PReLU()
        self.block2, self.norm2 = nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4)
        self.conv2, self.norm3 = nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4)
        self.up1, self.prelu3 = nn.Conv2d(4, 16, 3, 1, 1), nn.PReLU()
        self.up2, self.prelu4 = nn.Conv2d(4, 16, 3, 1, 1), nn.PReLU()
        self.conv3 = nn.Conv2d(4, 3, 9, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        first = self.prelu1(self.conv1((x + 1) / 2))
        block = self.norm2(self.block2(self.prelu2(self.norm1(self.block1(first)))))
        x = first + self.norm3(self.conv2(first + block))
        x = self.prelu3(F.pixel_shuffle(self.up1(x), 2))
        return self.conv3(self.prelu4(F.pixel_shuffle(self.up2(x), 2)))


def plain_discriminator() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 2, 3, 1, 1), nn.LeakyReLU(0.2)]
    for before, after, stride in ((2, 2, 2), (2, 4, 1), (4, 4, 2), (4, 8, 1), (8, 8, 2), (8, 16, 1), (16, 16, 2)):
        layers += [nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))


def copied(plain: nn.Module, ours: nn.Module) -> nn.Module:
    for parameter, value in zip(plain.parameters(), ours.parameters(), strict=True):
        parameter.data.copy_(value)
    return plain


def trainers(contract: FamilyContract, folder: Path) -> tuple[Trainer, Trainer]:
    """Return a trainer after one step, and one before its first step."""
    options = {"images": BATCH_SIZE, "log_every": BATCH_SIZE, "precision": "fp32", "memory_format": "contiguous"}
    trainer = contract.trainer(folder / "engine", **options)
    trainer.step()
    trainer._log()
    return trainer, contract.trainer(folder / "twin", **options)


def check_gradients(trainer: Trainer, player: str, gradients: Sequence[Tensor]) -> None:
    actor = trainer.players.states[player]
    # After one update Adam's first moment is a tenth of the gradient.
    ours = [actor.optimizer.state[parameter]["exp_avg"] * 10 for parameter in actor.parameters]
    scale = max(gradient.norm() for gradient in gradients)
    for mine, theirs in zip(ours, gradients, strict=True):
        # Biases before batch normalisation have no effect, so their gradients are rounding errors.
        assert (mine - theirs).norm() <= 1e-5 * theirs.norm() + 1e-6 * scale


def test_the_first_step_by_pixels(tmp_path: Path) -> None:
    trainer, twin = trainers(First(), tmp_path)
    generator = copied(PlainGenerator(), twin.players.modules["generator"])
    image = twin.loader.next_batch(BATCH_SIZE)["image"]
    loss = (generator(degrade(image, 4)) - image).square().mean()
    check_gradients(trainer, "generator", torch.autograd.grad(loss, list(generator.parameters())))
    assert json.loads(trainer.run.metrics.read_text())["generator/mse"] == pytest.approx(loss.item(), rel=1e-5)


def test_the_first_step_with_a_discriminator(tmp_path: Path) -> None:
    trainer, twin = trainers(Small(), tmp_path)
    generator = copied(PlainGenerator(), twin.players.modules["generator"])
    discriminator = copied(plain_discriminator(), twin.players.modules["discriminator"])
    criterion, image = nn.BCEWithLogitsLoss(), twin.loader.next_batch(BATCH_SIZE)["image"]
    one, zero = torch.ones(BATCH_SIZE, 1), torch.zeros(BATCH_SIZE, 1)
    fake = generator(degrade(image, 4))
    content, adversarial = 0.5 * F.mse_loss(fake, image), 1e-3 * criterion(discriminator(fake), one)
    g_gradients = torch.autograd.grad(content + adversarial, list(generator.parameters()), retain_graph=True)
    check_gradients(trainer, "generator", g_gradients)
    real, faked = criterion(discriminator(image), one), criterion(discriminator(fake.detach()), zero)
    check_gradients(trainer, "discriminator", torch.autograd.grad(real + faked, list(discriminator.parameters())))
    record = json.loads(trainer.run.metrics.read_text())
    assert record["generator/content"] == pytest.approx(content.item(), rel=1e-5)
    assert record["generator/adversarial"] == pytest.approx(adversarial.item(), rel=1e-5)
    assert record["discriminator/real"] == pytest.approx(real.item(), rel=1e-5)
    assert record["discriminator/fake"] == pytest.approx(faked.item(), rel=1e-5)
