"""Every loss of a family called once, and watched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from gancli.conformance import authored
from gancli.conformance.specimen import Specimen, context
from gancli.data.synthetic import batch
from gancli.engine.cast import Cast
from gancli.family import Family, Turn
from gancli.place import Place, of_caller

WAITS = "makes the device wait for a value"

WATCHED = {
    "backward": "is the engine's, once for each micro-batch",
    "item": WAITS,
    "tolist": WAITS,
    "cpu": WAITS,
    "numpy": WAITS,
    "__array__": WAITS,
    "__bool__": WAITS,
    "__float__": WAITS,
    "__int__": WAITS,
    "__index__": WAITS,
    "__repr__": WAITS,
    "__format__": WAITS,
}
"""What no loss may do with a tensor, by the name of the function that torch runs, and why not."""


@dataclass
class Played:
    """One call of a loss.

    Args:
        turn: whose it was.
        terms: what it returned, whatever that is.
        returned: the line that returned it.
        called: what of `WATCHED` it called, and where; what gancli calls on its behalf is gancli's.
        read: the keys of the batch that it asked for.
    """

    turn: Turn
    terms: Any = None
    returned: Place | None = None
    called: list[tuple[str, Place]] = field(default_factory=list)
    read: set[str] = field(default_factory=set)


class _Watch(TorchFunctionMode):
    """Notes the calls of torch's functions that are `WATCHED`."""

    def __init__(self, package: str, called: list[tuple[str, Place]]) -> None:
        super().__init__()
        self.package = package
        self.called = called

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in WATCHED and (place := of_caller(self.package, unless="gancli")):
            self.called.append((name, place))
        return func(*args, **(kwargs or {}))


class _Reading(dict[str, Tensor]):
    """A batch that knows what was read of it."""

    def __init__(self, tensors: Mapping[str, Tensor], read: set[str]) -> None:
        super().__init__(tensors)
        self.read = read

    def __getitem__(self, key: str) -> Tensor:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


def play(specimen: Specimen, family: Family[Any], cast: Cast) -> Iterator[Played]:
    """Every turn's loss once, in order, over one shared context, as in a step."""
    shared, images = context(), batch(specimen.info, specimen.data)
    for turn in specimen.turns(family):
        cast.turn(turn.player)
        played = Played(turn)
        with _returning(played), _Watch(specimen.package, played.called):
            played.terms = turn.loss(cast.nets, _Reading(images, played.read), shared)
        yield played


@contextmanager
def _returning(played: Played) -> Iterator[None]:
    """Notes the line at which the loss returns."""
    code, before = authored.code_of(played.turn.loss), sys.getprofile()
    played.returned = authored.definition(played.turn.loss)

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code is code:
            played.returned = Place(frame.f_code.co_filename, frame.f_lineno)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
