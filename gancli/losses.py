"""Adversarial losses on logits, as pure functions of 0-dim results.

Every function takes logits of any shape and returns a mean over all of them, so that patch discriminators need nothing
of their own. In terms of D = sigmoid(logit), `-log D` is softplus(-logit) and `-log(1 - D)` is softplus(logit): exact
where a probability would already have rounded to 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.plugins.moved_modules import old_names


def bce_real(logits: Tensor) -> Tensor:
    """-E log D: the cross entropy of calling these real. Goodfellow et al. 2014."""
    return F.softplus(-logits).mean()


def bce_fake(logits: Tensor) -> Tensor:
    """-E log(1 - D): the cross entropy of calling these fake. Goodfellow et al. 2014."""
    return F.softplus(logits).mean()


def non_saturating(fake_logits: Tensor) -> Tensor:
    """The generator's -E log D(G(z)): its gradient stays near 1 while the discriminator is sure of itself."""
    return bce_real(fake_logits)


def saturating(fake_logits: Tensor) -> Tensor:
    """The generator's E log(1 - D(G(z))), the minimax game as written: its gradient dies when D is sure of itself."""
    return -bce_fake(fake_logits)


def value(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """V(D, G) = E log D(x) + E log(1 - D(G(z))); -log 4 where no discriminator can tell the two apart."""
    return -(bce_real(real_logits) + bce_fake(fake_logits))


def discriminator_stats(real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
    """What a discriminator of the 2014 game says on average, for `Context.log`: D(x), D(G(z)) and V(D,G)."""
    return {
        "D(x)": real_logits.sigmoid().mean(),
        "D(G(z))": fake_logits.sigmoid().mean(),
        "V(D,G)": value(real_logits, fake_logits),
    }


def optimal(player: str) -> dict[str, float]:
    """Where theory puts the `discriminator_stats` that a player observes: for `Family.optimum_values`."""
    return {f"{player}/D(x)": 0.5, f"{player}/D(G(z))": 0.5, f"{player}/V(D,G)": -math.log(4)}


def r1(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """E ||grad_x D(x)||^2 / 2 at real images. Mescheder et al. 2018, "Which Training Methods for GANs do actually
    Converge?".

    Args:
        discriminator: an uncompiled network, since the penalty is differentiated twice; always evaluated in fp32.
        images: (N, ...).
    """
    with torch.autocast(images.device.type, enabled=False):
        points = images.detach().float().requires_grad_()
        # The gradient of the sum holds each image's own gradient, because no logit depends on another image.
        (gradient,) = torch.autograd.grad(discriminator(points).sum(), points, create_graph=True)
        return gradient.square().flatten(1).sum(1).mean() / 2


def least_squares(outputs: Tensor, target: float) -> Tensor:
    """E (D - target)^2 / 2, on outputs without a sigmoid. Mao et al. 2017, "Least Squares Generative Adversarial
    Networks".
    """
    return (outputs - target).square().mean() / 2


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor, *, norm: float = 1.0
) -> Tensor:
    """E (||grad D|| - norm)^2 / norm^2 at points between real and fake. Gulrajani et al. 2017, "Improved Training of
    Wasserstein GANs", equation 3; the norm other than 1 is Karras et al. 2018's.

    Args:
        critic: an uncompiled network, since the penalty is differentiated twice; always evaluated in fp32. It must not
            mix samples, as batch normalisation does.
        real: (N, ...).
        fake: (N, ...); no gradient flows into it.
        mix: one number a sample, (N,), uniform in [0, 1]: how far from real towards fake.
    """
    with torch.autocast(real.device.type, enabled=False):
        share = mix.view(-1, *[1] * (real.dim() - 1))
        points = torch.lerp(real.detach().float(), fake.detach().float(), share).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        # The square root has no slope at 0, where a critic that is constant over a patch puts its gradient.
        length = (gradient.square().flatten(1).sum(1) + 1e-12).sqrt()
        return ((length - norm) / norm).square().mean()


if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)
