"""Adversarial losses as pure functions: each takes network outputs of any shape and returns a mean over all of them.

Cross entropies take logits, D = sigmoid(logit): -log D is softplus(-logit) and -log(1 - D) is softplus(logit), which
are exact even if the probability would round to 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.plugins.moved_modules import old_names

Kind = Literal["bce", "lsgan", "hinge", "wasserstein"]
"""Adversarial losses: cross entropy (Goodfellow et al. 2014, with the non-saturating generator loss), least squares
(Mao et al. 2017), hinge (Lim and Ye 2017) and Wasserstein distance (Arjovsky et al. 2017).
"""


def discriminator_terms(real: Tensor, fake: Tensor, kind: Kind) -> dict[str, Tensor]:
    """Return the terms of the discriminator's loss.

    The terms are `real` and `fake`; with `wasserstein`, one term `adversarial`: the negative estimate of the distance.

    Args:
        real: outputs for real images.
        fake: outputs for generated images.
        kind: adversarial loss.
    """
    if kind == "bce":
        return {"real": bce_real(real), "fake": bce_fake(fake)}
    if kind == "lsgan":
        return {"real": least_squares(real, 1), "fake": least_squares(fake, 0)}
    if kind == "hinge":
        return {"real": F.relu(1 - real).mean(), "fake": F.relu(1 + fake).mean()}
    return {"adversarial": fake.mean() - real.mean()}


def generator_terms(fake: Tensor, kind: Kind) -> dict[str, Tensor]:
    """Return the term `adversarial` of the generator's loss.

    Args:
        fake: the discriminator's outputs for generated images.
        kind: adversarial loss.
    """
    if kind == "bce":
        return {"adversarial": non_saturating(fake)}
    if kind == "lsgan":
        return {"adversarial": least_squares(fake, 1)}
    return {"adversarial": -fake.mean()}


def bce_real(logits: Tensor) -> Tensor:
    """-E log D: cross entropy for the target "real". Goodfellow et al. 2014."""
    return F.softplus(-logits).mean()


def bce_fake(logits: Tensor) -> Tensor:
    """-E log(1 - D): cross entropy for the target "fake". Goodfellow et al. 2014."""
    return F.softplus(logits).mean()


def non_saturating(fake_logits: Tensor) -> Tensor:
    """-E log D(G(z)), the usual loss of the generator; its gradient stays near 1 even if D rejects all samples."""
    return bce_real(fake_logits)


def saturating(fake_logits: Tensor) -> Tensor:
    """E log(1 - D(G(z))), the minimax loss of the generator; its gradient vanishes if D rejects all samples."""
    return -bce_fake(fake_logits)


def value(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """V(D, G) = E log D(x) + E log(1 - D(G(z))); -log 4 at the optimum."""
    return -(bce_real(real_logits) + bce_fake(fake_logits))


def discriminator_stats(real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
    """Return D(x), D(G(z)) and V(D,G) for `Context.log`."""
    return {
        "D(x)": real_logits.sigmoid().mean(),
        "D(G(z))": fake_logits.sigmoid().mean(),
        "V(D,G)": value(real_logits, fake_logits),
    }


def optimal(player: str) -> dict[str, float]:
    """Return the optimum of the `discriminator_stats` that a player logs, for `Family.optimum_values`."""
    return {f"{player}/D(x)": 0.5, f"{player}/D(G(z))": 0.5, f"{player}/V(D,G)": -math.log(4)}


def least_squares(outputs: Tensor, target: float) -> Tensor:
    """E (D - target)^2 / 2, on outputs without a sigmoid. Mao et al. 2017, "Least Squares Generative Adversarial
    Networks".
    """
    return (outputs - target).square().mean() / 2


def r1(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """E ||grad_x D(x)||^2 / 2 at real images. Mescheder et al. 2018, "Which Training Methods for GANs do actually
    Converge?".

    Args:
        discriminator: uncompiled network, because the penalty is differentiated twice; evaluated in float32.
        images: (N, ...).
    """
    with torch.autocast(images.device.type, enabled=False):
        points = images.detach().float().requires_grad_()
        # The gradient of the sum contains the gradient of each image, because no output depends on another image.
        (gradient,) = torch.autograd.grad(discriminator(points).sum(), points, create_graph=True)
        return gradient.square().flatten(1).sum(1).mean() / 2


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor, *, norm: float = 1.0
) -> Tensor:
    """E (||grad D|| - norm)^2 / norm^2 at points between real and fake images. Gulrajani et al. 2017, "Improved
    Training of Wasserstein GANs", equation 3; Karras et al. 2018 use other norms than 1.

    Args:
        critic: uncompiled network, because the penalty is differentiated twice; evaluated in float32. Its output for an
            image must not depend on other images, so it must not use batch normalisation.
        real: (N, ...).
        fake: (N, ...); receives no gradient.
        mix: (N,), uniform in [0, 1]: position of each point between real (0) and fake (1).
        norm: target norm of the gradient.
    """
    with torch.autocast(real.device.type, enabled=False):
        share = mix.view(-1, *[1] * (real.dim() - 1))
        points = torch.lerp(real.detach().float(), fake.detach().float(), share).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        # 1e-12 because the square root is not differentiable at 0, the gradient of a locally constant critic.
        length = (gradient.square().flatten(1).sum(1) + 1e-12).sqrt()
        return ((length - norm) / norm).square().mean()


if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)
