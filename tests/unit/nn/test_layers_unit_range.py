from __future__ import annotations

import torch

from gancli.nn.layers import ToUnitRange, UnitSigmoid


def test_back_in_the_unit_range_it_is_the_sigmoid() -> None:
    logits = torch.linspace(-9, 9, 19, dtype=torch.float64)
    assert torch.allclose(ToUnitRange()(UnitSigmoid()(logits)), logits.sigmoid(), rtol=1e-12)
    assert ToUnitRange()(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0, 0.5, 1]
