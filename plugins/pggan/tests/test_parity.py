"""Losses and gradients during a fade equal those of the same networks in plain PyTorch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.family import DataSpec, Nets
from gancli.testing import batch, context
from gancli_pggan.config import Config
from gancli_pggan.family import PGGAN
from gancli_pggan.plugin import gan_families

DATA = DataSpec(channels=3, height=16, width=16)
FADE = 0.3

Weights = Mapping[str, Tensor]


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def normed(x: Tensor) -> Tensor:
    return x / ((x**2).mean(dim=1, keepdim=True) + 1e-8).sqrt()


def conv(weights: Weights, name: str, x: Tensor, gain: float = math.sqrt(2)) -> Tensor:
    weight = weights[f"{name}.weight"]
    constant = gain / math.sqrt(weight.shape[1] * weight.shape[2] * weight.shape[3])
    return F.conv2d(x, weight * constant, weights[f"{name}.bias"], padding=weight.shape[2] // 2)


def dense(weights: Weights, name: str, x: Tensor, gain: float = math.sqrt(2)) -> Tensor:
    weight = weights[f"{name}.weight"]
    return x @ (weight * (gain / math.sqrt(weight.shape[1]))).T + weights[f"{name}.bias"]


def doubled(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def generate(weights: Weights, z: Tensor, fade: float) -> Tensor:
    """Compute the generator of 16x16 pixels."""
    first = weights["start.1.weight"]
    x = normed(z) @ (first * (math.sqrt(2) / 4 / math.sqrt(first.shape[1]))).T
    x = x.view(len(z), 4, 4, -1).permute(0, 3, 1, 2) + weights["start.1.shift"].view(1, -1, 1, 1)
    x = normed(lrelu(x))
    x = normed(lrelu(conv(weights, "start.4", x)))
    x = normed(lrelu(conv(weights, "blocks.0.0", doubled(x))))
    x = normed(lrelu(conv(weights, "blocks.0.3", x)))
    old = doubled(conv(weights, "to_image.1", x, gain=1))
    x = normed(lrelu(conv(weights, "blocks.1.0", doubled(x))))
    x = normed(lrelu(conv(weights, "blocks.1.3", x)))
    return (1 - fade) * old + fade * conv(weights, "to_image.2", x, gain=1)


def discriminate(weights: Weights, image: Tensor, fade: float) -> Tensor:
    """Compute the discriminator of 16x16 pixels."""
    old = lrelu(conv(weights, "from_image.1.0", F.avg_pool2d(image, 2)))
    x = lrelu(conv(weights, "from_image.2.0", image))
    x = lrelu(conv(weights, "blocks.1.2", lrelu(conv(weights, "blocks.1.0", x))))
    x = (1 - fade) * old + fade * F.avg_pool2d(x, 2)
    x = lrelu(conv(weights, "blocks.0.2", lrelu(conv(weights, "blocks.0.0", x))))
    x = F.avg_pool2d(x, 2)
    spread = (((x - x.mean(0)) ** 2).mean(0) + 1e-8).sqrt().mean()
    x = torch.cat([x, spread * torch.ones_like(x[:, :1])], dim=1)
    x = lrelu(conv(weights, "end.1", x))
    x = lrelu(dense(weights, "end.4", x.reshape(len(x), -1)))
    return dense(weights, "score", x, gain=1)


@pytest.mark.parametrize("gamma", [1.0, 750.0])
def test_losses_and_gradients_equal_plain_pytorch(gamma: float) -> None:
    torch.manual_seed(0)
    config = Config(latent_dim=16, channels_base=64, channels_max=32, gamma=gamma)
    family = PGGAN(config, DATA)
    modules = family.build()
    for module in modules.values():
        for name, parameter in module.named_parameters():
            if name.endswith(("bias", "shift")):
                parameter.data.normal_()
    generator, discriminator = (dict(modules[name].named_parameters()) for name in ("generator", "discriminator"))
    ctx = context()
    ctx.stage = next(stage for stage in family.stages() if stage.name == "16x16 fade")
    ctx.fade = torch.tensor(FADE)
    images = batch(gan_families(), DATA)
    d_terms = family.discriminator_loss(Nets(modules), images, ctx)
    g_terms = family.generator_loss(Nets(modules), images, ctx)

    noise, image = torch.Generator().manual_seed(0), images["image"]
    real = (1 - FADE) * doubled(F.avg_pool2d(image, 2)) + FADE * image
    fake = generate(generator, torch.randn(len(real), 16, generator=noise), FADE).detach()
    share = torch.rand(len(real), generator=noise).view(-1, 1, 1, 1)
    between = ((1 - share) * real + share * fake).requires_grad_()
    (slope,) = torch.autograd.grad(discriminate(discriminator, between, FADE).sum(), between, create_graph=True)
    penalty = 10 * ((slope.flatten(1).norm(dim=1) - gamma) ** 2).mean() / gamma**2
    real_scores, fake_scores = discriminate(discriminator, real, FADE), discriminate(discriminator, fake, FADE)
    distance = real_scores.mean() - fake_scores.mean()
    drift = 0.001 * (real_scores**2).mean()
    z = torch.randn(len(real), 16, generator=noise)
    g_loss = -discriminate(discriminator, generate(generator, z, FADE), FADE).mean()

    expected = {"adversarial": -distance, "drift": drift, "penalty": penalty}
    assert d_terms.keys() == expected.keys()
    for name, term in expected.items():
        assert d_terms[name].item() == pytest.approx(term.item(), rel=1e-5), name
    assert g_terms["adversarial"].item() == pytest.approx(g_loss.item(), rel=1e-5)
    pairs = (
        (discriminator, sum(d_terms.values()), sum(expected.values())),
        (generator, g_terms["adversarial"], g_loss),
    )
    for weights, ours, plain in pairs:
        mine, theirs = (
            torch.autograd.grad(loss, list(weights.values()), allow_unused=True, retain_graph=True)
            for loss in (ours, plain)
        )
        for name, one, other in zip(weights, mine, theirs, strict=True):
            assert (one is None) == (other is None), name
            assert one is None or (one - other).norm() <= 1e-5 * other.norm() + 1e-7, name
