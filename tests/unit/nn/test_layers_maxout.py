from __future__ import annotations

import torch

from gancli.nn.layers import Maxout


def test_a_unit_is_the_largest_of_its_own_pieces() -> None:
    """A unit with pieces x and -x gives |x|, and one with pieces x and 0 rectifies."""
    layer = Maxout(1, 2, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [-1.0], [1.0], [0.0]]))
        layer.linear.bias.zero_()
    x = torch.tensor([[-2.0], [0.5]])
    assert layer(x).tolist() == [[2.0, 0.0], [0.5, 0.5]]
