"""One step of the engine equals the same step in plain PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from gancli.family import DataSpec
from gancli.testing import BATCH_SIZE, FamilyContract


class Small(FamilyContract):
    family = "pix2pix"
    model: ClassVar = {"channels": 4, "receptive_field": 16}
    data = DataSpec(channels=3, height=8, width=8, channels_of={"source": 1, "target": 3})


class PlainUNet(nn.Module):
    """U-Net with three levels and dropout in the first decoder layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 4, 2, 1, bias=False)
        self.second = nn.Conv2d(4, 8, 4, 2, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(8)
        self.third = nn.Conv2d(8, 16, 4, 2, 1, bias=False)
        self.fourth = nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False)
        self.fourth_norm = nn.BatchNorm2d(8)
        self.fifth = nn.ConvTranspose2d(16, 4, 4, 2, 1, bias=False)
        self.fifth_norm = nn.BatchNorm2d(4)
        self.sixth = nn.ConvTranspose2d(8, 3, 4, 2, 1)
        self.leaky, self.dropout = nn.LeakyReLU(0.2), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        second = self.second_norm(self.second(self.leaky(first)))
        x = self.third(self.leaky(second))
        x = self.dropout(self.fourth_norm(self.fourth(x.relu())))
        x = self.fifth_norm(self.fifth(torch.cat([x, second], 1).relu()))
        return self.sixth(torch.cat([x, first], 1).relu()).tanh()


def copied(module: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """Return the plain network with our weights, which have the same order."""
    for parameter, value in zip(module.parameters(), weights.values(), strict=True):
        parameter.data.copy_(value)
    return module


def test_the_first_step_equals_plain_pytorch(tmp_path: Path) -> None:
    """Compare losses and gradients, but not weights: Adam turns the rounding error of a tiny gradient into a whole
    step.
    """
    options = {"images": BATCH_SIZE, "log_every": BATCH_SIZE, "precision": "fp32", "memory_format": "contiguous"}
    trainer = Small().trainer(tmp_path / "engine", **options)
    torch.manual_seed(1)
    trainer.step()
    trainer._log()
    twin = Small().trainer(tmp_path / "twin", **options)
    generator = copied(PlainUNet(), twin.players.modules["generator"].state_dict())
    discriminator = copied(
        nn.Sequential(
            nn.Conv2d(4, 4, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4, 8, 4, 1, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.LeakyReLU(0.2),
            nn.Conv2d(8, 1, 4, 1, 1),
        ),
        twin.players.modules["discriminator"].state_dict(),
    )
    criterion, batch = nn.BCEWithLogitsLoss(), twin.loader.next_batch(BATCH_SIZE)
    source, target = batch["source"], batch["target"]
    torch.manual_seed(1)
    fake = generator(source)

    def adversarial_loss(image: Tensor, target: float) -> Tensor:
        logits = discriminator(torch.cat([source, image], 1))
        loss: Tensor = criterion(logits, torch.full_like(logits, target))
        return loss

    adversarial, distance = adversarial_loss(fake, 1), 100 * (fake - target).abs().mean()
    g_gradients = torch.autograd.grad(adversarial + distance, list(generator.parameters()))
    real_loss, fake_loss = adversarial_loss(target, 1), adversarial_loss(fake.detach(), 0)
    d_gradients = torch.autograd.grad((real_loss + fake_loss) / 2, list(discriminator.parameters()))

    record = json.loads(trainer.run.metrics.read_text())
    assert record["generator/adversarial"] == pytest.approx(adversarial.item(), rel=1e-5)
    assert record["generator/l1"] == pytest.approx(distance.item(), rel=1e-5)
    assert record["discriminator/real"] == pytest.approx(real_loss.item() / 2, rel=1e-5)
    assert record["discriminator/fake"] == pytest.approx(fake_loss.item() / 2, rel=1e-5)
    for name, gradients in (("generator", g_gradients), ("discriminator", d_gradients)):
        actor = trainer.players.states[name]
        # After one update Adam's first moment is half the gradient.
        ours = [actor.optimizer.state[parameter]["exp_avg"] * 2 for parameter in actor.parameters]
        scale = max(gradient.norm() for gradient in gradients)
        for mine, theirs in zip(ours, gradients, strict=True):
            # The gradient of the last bias is a small difference of large numbers.
            assert (mine - theirs).norm() <= 1e-5 * theirs.norm() + 1e-6 * scale
