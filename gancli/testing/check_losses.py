"""What a loss returns, and what it leaves alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gancli.data.sources.synthetic import batch
from gancli.family.context import Turn
from gancli.family.contract import Family
from gancli.plugins.source_location import SourceLocation, location_of_caller
from gancli.testing import source_lines
from gancli.testing.finding import Finding
from gancli.testing.fixture import FamilyFixture, context
from gancli.training.players import Players

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
    returned: SourceLocation | None = None
    called: list[tuple[str, SourceLocation]] = field(default_factory=list)
    read: set[str] = field(default_factory=set)


class _Watch(TorchFunctionMode):
    """Notes the calls of torch's functions that are `WATCHED`."""

    def __init__(self, package: str, called: list[tuple[str, SourceLocation]]) -> None:
        super().__init__()
        self.package = package
        self.called = called

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in WATCHED and (place := location_of_caller(self.package, unless="gancli")):
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


def play(fixture: FamilyFixture, family: Family[Any], players: Players) -> Iterator[Played]:
    """Every turn's loss once, in order, over one shared context, as in a step."""
    shared, images = context(), batch(fixture.info, fixture.data)
    for turn in fixture.turns(family):
        players.begin_turn(turn.player)
        played = Played(turn)
        with _returning(played), _Watch(fixture.package, played.called):
            played.terms = turn.loss(players.nets, _Reading(images, played.read), shared)
        yield played


@contextmanager
def _returning(played: Played) -> Iterator[None]:
    """Notes the line at which the loss returns."""
    code, before = source_lines.code_of(played.turn.loss), sys.getprofile()
    played.returned = source_lines.definition(played.turn.loss)

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code is code:
            played.returned = SourceLocation(frame.f_code.co_filename, frame.f_lineno)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


FORBIDDEN = {
    "backward": WATCHED["backward"],
    "step": "is the engine's, after it has checked the gradients",
    "zero_grad": "is the engine's, before every turn",
    **dict.fromkeys(("item", "tolist", "cpu", "numpy"), WAITS),
}
"""What the module of a family never calls on anything, and why not."""

WRITTEN = {
    "__bool__": "bool() or if",
    "__float__": "float()",
    "__int__": "int()",
    "__index__": "indexing with a tensor",
}

WRITTEN |= {"__repr__": "print() of a tensor", "__format__": "formatting a tensor", "__array__": "numpy.asarray()"}


def losses_only_compute(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """No loss does the engine's work, or waits for the device."""
    family = fixture.make()
    seen = set()
    called = [each for played in play(fixture, family, _players(family)) for each in played.called]
    for name, place in [*_written(type(family)), *called]:
        shown = WRITTEN.get(name, f"{name}()")
        key = (name.strip("_"), place)
        if key not in seen:
            seen.add(key)
            why = FORBIDDEN.get(name) or WATCHED.get(name) or "slows every step down"
            advice = "; let the loss return its terms, and observe values with ctx.observe"
            yield Finding(f"{shown} {why}{advice if why == WAITS else '; a loss only computes'}", place)


def losses_are_named_finite_scalars(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """A loss returns its terms by name, each of them one finite number."""
    family = fixture.make()
    for played in play(fixture, family, _players(family)):
        player, terms = played.turn.player, played.terms
        if not isinstance(terms, Mapping):
            kind = type(terms).__name__
            yield Finding(
                f'the loss of {player} returns {kind}, not its terms by name; write return {{"adversarial": ...}}',
                played.returned,
            )
            continue
        if not terms:
            yield Finding(f"the loss of {player} returns no term", played.returned)
        for name, term in terms.items():
            if sentence := _wrong(player, name, term):
                yield Finding(sentence, _term(played, name))


def losses_keep_no_tensor(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Nothing is left on the family once its losses have run."""
    family = fixture.make()
    list(play(fixture, family, _players(family)))
    for name, value in vars(family).items():
        if _holds_tensor(value):
            yield Finding(
                f"a tensor is kept on self.{name}, where no checkpoint finds it and no device moves it; hand it to a "
                "later turn of the step with ctx.keep, or put it into the buffer of a module without parameters",
                source_lines.attribute_set(type(family), name),
            )


def losses_read_what_is_declared(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Every key of a batch that a family declares is read by some loss."""
    family = fixture.make()
    read: set[str] = set()
    for played in play(fixture, family, _players(family)):
        read |= played.read
    for key in fixture.info.batch:
        if key not in read:
            yield Finding(
                f"the family declares that it reads {key!r}, but no loss asks for batch[{key!r}]; take it out of "
                "FamilyInfo.batch, or read it",
                source_lines.definition(type(family)),
            )


def a_turn_changes_its_player_alone(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Gradients of a turn reach its player, and nobody else; no loss changes a parameter."""
    family = fixture.make()
    modules = family.build()
    players, shared = Players(modules, family.players()), context()
    for turn in fixture.turns(family):
        where = source_lines.definition(turn.loss)
        before = {name: parameter.detach().clone() for name, parameter in _parameters(modules)}
        player = players.begin_turn(turn.player)
        terms = turn.loss(players.nets, batch(fixture.info, fixture.data), shared)
        torch.autograd.backward([term for term in terms.values() if term.requires_grad])
        graded = {name for name, parameter in _parameters(modules) if parameter.grad is not None}
        if not graded:
            yield Finding(f"no gradient reaches {turn.player}; its loss does not use its networks", where)
        if others := sorted(graded - set(player.named_parameters)):
            yield Finding(f"the loss of {turn.player} leaves gradients in {others[0]}, which is not its own", where)
        if changed := [name for name, value in _parameters(modules) if not torch.equal(value, before[name])]:
            yield Finding(f"the loss of {turn.player} changes {changed[0]}; only the engine updates networks", where)


def _players(family: Family[Any]) -> Players:
    return Players(family.build(), family.players())


def _wrong(player: str, name: object, term: object) -> str | None:
    """What is wrong with one term."""
    if not isinstance(name, str):
        return f"a term of {player} is named {name!r}; names are text, as the log shows them"
    if not isinstance(term, Tensor):
        return f"the term {player}/{name} is {type(term).__name__}, not a tensor, so that no gradient comes from it"
    if term.shape != ():
        return f"the term {player}/{name} has the shape {tuple(term.shape)}, not (); take its mean over the batch"
    if not torch.isfinite(term):
        return f"the term {player}/{name} is not finite on random images"
    return None


def _term(played: Played, name: object) -> SourceLocation | None:
    """The line that names a term, or else the one that returns it."""
    found = source_lines.text_in(played.turn.loss, name) if isinstance(name, str) else None
    return played.returned if found in (None, source_lines.definition(played.turn.loss)) else found


def _written(kind: type[Any]) -> Iterator[tuple[str, SourceLocation]]:
    """The calls in the family's module that no loss may make, also where no check comes by."""
    file, tree = source_lines.module_tree(kind)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id == "print":
                yield "print", SourceLocation(file, node.lineno)
            elif isinstance(function, ast.Attribute) and function.attr in FORBIDDEN:
                yield function.attr, SourceLocation(file, function.end_lineno or node.lineno)


def _holds_tensor(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_tensor(each) for each in value.values())
    if isinstance(value, list | tuple | set):
        return any(_holds_tensor(each) for each in value)
    return isinstance(value, Tensor)


def _parameters(modules: Mapping[str, nn.Module]) -> list[tuple[str, nn.Parameter]]:
    return [(f"{name}.{key}", value) for name, module in modules.items() for key, value in module.named_parameters()]
