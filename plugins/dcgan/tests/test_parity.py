"""One step of the engine equals the same step in plain PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

from gancli.testing import BATCH_SIZE, FamilyContract


class Small(FamilyContract):
    family = "dcgan"
    model: ClassVar = {"channels": 8, "latent_dim": 16}


def test_the_first_step_equals_plain_pytorch(tmp_path: Path) -> None:
    """Compare losses and gradients, but not weights: Adam turns the rounding error of a tiny gradient into a whole
    step.
    """
    options = {"images": BATCH_SIZE, "log_every": BATCH_SIZE, "precision": "fp32"}
    trainer, twin = (Small().trainer(tmp_path / name, **options) for name in ("engine", "twin"))
    trainer.train()

    generator = nn.Sequential(
        nn.ConvTranspose2d(16, 16, 4, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 4, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 1, 4, bias=False),
    )
    generator.load_state_dict(twin.players.modules["generator"].state_dict())
    discriminator.load_state_dict(twin.players.modules["discriminator"].state_dict())
    criterion, noise = nn.BCEWithLogitsLoss(), torch.Generator().manual_seed(0)
    ones, zeros = torch.ones(BATCH_SIZE), torch.zeros(BATCH_SIZE)
    real = twin.loader.next_batch(BATCH_SIZE)["image"]
    fake = generator(torch.randn(BATCH_SIZE, 16, generator=noise)[:, :, None, None])
    g_loss = criterion(discriminator(fake).flatten(), ones)
    g_gradients = torch.autograd.grad(g_loss, list(generator.parameters()))
    real_loss = criterion(discriminator(real).flatten(), ones)
    fake_loss = criterion(discriminator(fake.detach()).flatten(), zeros)
    d_gradients = torch.autograd.grad(real_loss + fake_loss, list(discriminator.parameters()))

    record = json.loads(trainer.run.metrics.read_text())
    assert record["generator/adversarial"] == pytest.approx(g_loss.item(), rel=1e-5)
    assert record["discriminator/real"] == pytest.approx(real_loss.item(), rel=1e-5)
    assert record["discriminator/fake"] == pytest.approx(fake_loss.item(), rel=1e-5)
    for name, gradients in (("generator", g_gradients), ("discriminator", d_gradients)):
        actor = trainer.players.states[name]
        # After one update Adam's first moment is half the gradient.
        ours = [actor.optimizer.state[parameter]["exp_avg"] * 2 for parameter in actor.parameters]
        for mine, theirs in zip(ours, gradients, strict=True):
            assert (mine - theirs).norm() <= 1e-5 * theirs.norm()
