"""Networks at rest while something looks at them, and back at work afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn


@contextmanager
def at_rest(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Puts networks into eval mode and lets no gradient reach them; then everything is as it was."""
    modes = [(part, part.training) for module in modules.values() for part in module.modules()]
    wanting = [parameter for module in modules.values() for parameter in module.parameters() if parameter.requires_grad]
    for module in modules.values():
        module.eval()
    for parameter in wanting:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in wanting:
            parameter.requires_grad_(True)
        for part, training in modes:
            part.training = training
