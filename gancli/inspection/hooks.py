"""Following a call through the layers of networks, without changing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from gancli.nn.layers import Maxout

RECTIFIERS = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SiLU, nn.GELU)

NONLINEARITIES = (*RECTIFIERS, Maxout)
"""Whose outputs count as features. Tanh and the sigmoid mostly convert a range, so they are not among them."""

See = Callable[[Any, tuple[Any, ...], Tensor], None]
"""Called with a module, its arguments and its output."""


@contextmanager
def watching(modules: Mapping[str, nn.Module], kinds: tuple[type[nn.Module], ...], see: See) -> Iterator[None]:
    """Within it, `see` learns of every call of a module of these kinds, in order; no hook stays behind.

    Args:
        modules: a family's networks by name, any number of which may be called.
        kinds: classes of the modules to watch, at any depth.
        see: must not change what it is given.
    """
    parts = {part for module in modules.values() for part in module.modules() if isinstance(part, kinds)}
    handles = [part.register_forward_hook(see) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
