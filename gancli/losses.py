"""Adversarial losses on logits, as pure functions of 0-dim results.

Every function takes logits of any shape and returns a mean over all of them, so that patch discriminators need nothing
of their own. In terms of D = sigmoid(logit), `-log D` is softplus(-logit) and `-log(1 - D)` is softplus(logit): exact
where a probability would already have rounded to 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def real(logits: Tensor) -> Tensor:
    """-E log D: the cross entropy of calling these real. Goodfellow et al. 2014."""
    return F.softplus(-logits).mean()


def fake(logits: Tensor) -> Tensor:
    """-E log(1 - D): the cross entropy of calling these fake. Goodfellow et al. 2014."""
    return F.softplus(logits).mean()


def non_saturating(fake_logits: Tensor) -> Tensor:
    """The generator's -E log D(G(z)): its gradient stays near 1 while the discriminator is sure of itself."""
    return real(fake_logits)


def saturating(fake_logits: Tensor) -> Tensor:
    """The generator's E log(1 - D(G(z))), the minimax game as written: its gradient dies when D is sure of itself."""
    return -fake(fake_logits)


def value(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """V(D, G) = E log D(x) + E log(1 - D(G(z))); -log 4 where no discriminator can tell the two apart."""
    return -(real(real_logits) + fake(fake_logits))


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
