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
    family = "wgan-gp"
    model: ClassVar = {"channels": 8, "latent_dim": 16, "critic_steps": 1}


def test_the_first_step_equals_plain_pytorch(tmp_path: Path) -> None:
    """Compare losses and gradients, but not weights: Adam turns the rounding error of a tiny gradient into a whole
    step.
    """
    options = {"images": BATCH_SIZE, "log_every": BATCH_SIZE, "precision": "fp32"}
    trainer, twin = (Small().trainer(tmp_path / name, **options) for name in ("engine", "twin"))
    trainer.train()

    generator = nn.Sequential(
        nn.Linear(16, 256),
        nn.BatchNorm1d(256),
        nn.Unflatten(1, (16, 4, 4)),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 5, 2, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 5, 2, 2, 1),
        nn.Tanh(),
    )
    critic = nn.Sequential(
        nn.Conv2d(1, 8, 5, 2, 2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 5, 2, 2),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(256, 1),
    )
    generator.load_state_dict(twin.players.modules["generator"].state_dict())
    critic.load_state_dict(twin.players.modules["critic"].state_dict())
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-4, betas=(0.5, 0.9))
    noise = torch.Generator().manual_seed(0)
    real = twin.loader.next_batch(BATCH_SIZE)["image"]
    fake = generator(torch.randn(BATCH_SIZE, 16, generator=noise)).detach()
    alpha = torch.rand(BATCH_SIZE, generator=noise)[:, None, None, None]
    between = ((1 - alpha) * real + alpha * fake).requires_grad_()
    scores = critic(between)
    (slope,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)
    penalty = 10 * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    c_loss = critic(fake).mean() - critic(real).mean()
    (c_loss + penalty).backward()
    c_gradients = [parameter.grad.clone() for parameter in critic.parameters()]
    optimizer.step()
    g_loss = -critic(generator(torch.randn(BATCH_SIZE, 16, generator=noise))).mean()
    g_gradients = torch.autograd.grad(g_loss, list(generator.parameters()))

    record = json.loads(trainer.run.metrics.read_text())
    assert record["critic/adversarial"] == pytest.approx(c_loss.item(), rel=1e-5)
    assert record["critic/penalty"] == pytest.approx(penalty.item(), rel=1e-5)
    assert record["generator/adversarial"] == pytest.approx(g_loss.item(), rel=1e-5)
    for name, gradients in (("critic", c_gradients), ("generator", g_gradients)):
        actor = trainer.players.states[name]
        # After one update Adam's first moment is half the gradient. All gradients are compared together, because those
        # of biases before batch normalisation are rounding errors.
        ours = [actor.optimizer.state[parameter]["exp_avg"] * 2 for parameter in actor.parameters]
        assert [gradient.shape for gradient in ours] == [gradient.shape for gradient in gradients]
        mine, theirs = (torch.cat([gradient.flatten() for gradient in each]) for each in (ours, gradients))
        assert (mine - theirs).norm() <= 1e-5 * theirs.norm()
