"""One step of the engine equals the same step in plain PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from gancli.family import DataSpec
from gancli.runtime.random import seed_everything
from gancli.testing import BATCH_SIZE, FamilyContract


class Perceptrons(FamilyContract):
    family = "gan"
    data = DataSpec(channels=1, height=28, width=28)


def test_the_first_step_equals_plain_pytorch(tmp_path: Path) -> None:
    """Compare losses and gradients, but not weights: Adam turns the rounding error of a tiny gradient into a whole
    step.
    """
    options = {"images": BATCH_SIZE, "log_every": BATCH_SIZE}
    trainer, twin = (Perceptrons().trainer(tmp_path / name, **options) for name in ("engine", "twin"))
    trainer.train()

    seed_everything(0)
    generator = nn.Sequential(nn.Linear(64, 256), nn.LeakyReLU(0.01), nn.Linear(256, 784), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.01), nn.Linear(128, 1), nn.Sigmoid())
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=3e-4)
    criterion, noise = nn.BCELoss(), torch.Generator().manual_seed(0)
    ones, zeros = torch.ones(BATCH_SIZE, 1), torch.zeros(BATCH_SIZE, 1)
    real = twin.loader.next_batch(BATCH_SIZE)["image"].flatten(1)
    fake = generator(torch.randn(BATCH_SIZE, 64, generator=noise))
    d_loss = (criterion(discriminator(real), ones) + criterion(discriminator(fake.detach()), zeros)) / 2
    d_loss.backward()
    d_gradients = [parameter.grad.clone() for parameter in discriminator.parameters()]
    d_optimizer.step()
    g_loss = criterion(discriminator(generator(torch.randn(BATCH_SIZE, 64, generator=noise))), ones)
    g_loss.backward()
    g_gradients = [parameter.grad for parameter in generator.parameters()]

    record = json.loads(trainer.run.metrics.read_text())
    assert record["discriminator/adversarial"] == pytest.approx(d_loss.item(), rel=1e-5)
    assert record["generator/adversarial"] == pytest.approx(g_loss.item(), rel=1e-5)
    for name, gradients in (("discriminator", d_gradients), ("generator", g_gradients)):
        actor = trainer.players.states[name]
        # After one update Adam's first moment is a tenth of the gradient.
        ours = [actor.optimizer.state[parameter]["exp_avg"] * 10 for parameter in actor.parameters]
        for mine, theirs in zip(ours, gradients, strict=True):
            assert torch.allclose(mine, theirs, rtol=1e-4, atol=1e-7)
            assert (mine - theirs).norm() <= 1e-5 * theirs.norm()
