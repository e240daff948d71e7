from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gancli.inspection.discriminator import NONLINEARITIES, RECTIFIERS, forward_hooks
from gancli.nn.layers import Maxout


def hooks(network: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._backward_hooks) for part in network.modules())


def test_calls_are_seen_in_order_and_only_those_that_happen() -> None:
    first, second, idle = nn.ReLU(), Maxout(3, 2, pieces=2), nn.ReLU()
    modules = {"used": nn.Sequential(first, second), "idle": idle}
    seen: list[nn.Module] = []
    with forward_hooks(modules, NONLINEARITIES, lambda part, inputs, output: seen.append(part)):
        modules["used"](torch.ones(1, 3))
    assert seen == [first, second]


def test_a_module_that_two_networks_share_is_seen_once_a_call() -> None:
    shared = nn.ReLU()
    seen: list[Tensor] = []
    modules = {"one": nn.Sequential(shared), "two": nn.Sequential(shared)}
    with forward_hooks(modules, RECTIFIERS, lambda part, inputs, output: seen.append(output)):
        modules["one"](torch.ones(1))
    assert len(seen) == 1


def test_no_hook_stays_behind_even_after_an_error() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    counts: list[int] = []

    def see(part: nn.Module, inputs: object, output: Tensor) -> None:
        counts.append(hooks(network))
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"), forward_hooks({"net": network}, RECTIFIERS, see):
        network(torch.ones(1, 2))
    assert counts == [1]
    assert hooks(network) == 0
