"""Declared optimizers turned into torch's, in their fastest form for the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from gancli.optim import SGD, Adam, Optimizer, RMSprop


def build_optimizer(declared: Optimizer, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of one player over its parameters, which must be on their device already."""
    match declared:
        case Adam():
            return torch.optim.Adam(
                parameters,
                lr=declared.lr,
                betas=declared.betas,
                eps=declared.eps,
                weight_decay=declared.weight_decay,
                fused=True,
            )
        case SGD():
            return torch.optim.SGD(
                parameters,
                lr=declared.lr,
                momentum=declared.momentum,
                weight_decay=declared.weight_decay,
                fused=True,
            )
        case RMSprop():
            return torch.optim.RMSprop(parameters, lr=declared.lr, alpha=declared.alpha, eps=declared.eps, foreach=True)
