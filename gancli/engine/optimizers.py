"""Declared optimizers turned into torch's, in their fastest form for the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gancli.optim import SGD, Adam, Optimizer, RMSprop


def build_optimizer(declared: Optimizer, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of one player over its parameters, which must be on their device already."""
    match declared:
        case Adam():
            return _Adam(
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


class _Adam(torch.optim.Adam):
    """Shows the fused kernel of a CPU its tensors in the order in which they lie in memory.

    Every number is updated by itself, so that the order is free. Tensors with channels last would be copied first,
    which takes longer than the update; and a gradient that did not lie as its parameter does would be paired with the
    wrong numbers.
    """

    def _init_group(self, group: Any, params: list[Tensor], grads: list[Tensor], *rest: list[Tensor]) -> bool:
        has_complex: bool = super()._init_group(group, params, grads, *rest)  # type: ignore[no-untyped-call]
        averages, squares, *_ = rest
        for index, parameter in enumerate(params):
            if parameter.device.type != "cpu":
                continue
            if not parameter.is_contiguous():
                order = sorted(range(parameter.dim()), key=parameter.stride, reverse=True)
                for tensors in (params, grads, averages, squares):
                    tensors[index] = tensors[index].permute(order)
            grads[index] = grads[index].contiguous()
        return has_complex
