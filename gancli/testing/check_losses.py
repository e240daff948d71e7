"""Conformance checks of losses: their results, their side effects, and the batch keys that they read."""

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
from gancli.testing.fixture import FamilyFixture, Finding, context
from gancli.training.players import Players

WAITS = "makes the device wait for a value"

WATCHED = {
    "backward": "is called by the training engine, once for each micro-batch",
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
"""Operations that a loss must not call on a tensor, by the name of torch's function, with the reason."""


@dataclass
class LossCall:
    """A recorded call of a loss.

    Args:
        turn: turn of the loss.
        terms: value that it returned.
        returned: line of the return statement.
        called: names in `WATCHED` that it called, with their lines; calls inside gancli do not count.
        read: batch keys that it read.
    """

    turn: Turn
    terms: Any = None
    returned: SourceLocation | None = None
    called: list[tuple[str, SourceLocation]] = field(default_factory=list)
    read: set[str] = field(default_factory=set)


class _Watch(TorchFunctionMode):
    """Records calls of torch functions that are `WATCHED`."""

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
    """A batch that records which keys are read."""

    def __init__(self, tensors: Mapping[str, Tensor], read: set[str]) -> None:
        super().__init__(tensors)
        self.read = read

    def __getitem__(self, key: str) -> Tensor:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


def record_calls(fixture: FamilyFixture, family: Family[Any], players: Players) -> Iterator[LossCall]:
    """Call the loss of every turn once, in order, with one shared context as in a step."""
    shared, images = context(), batch(fixture.info, fixture.data)
    for turn in fixture.turns(family):
        players.begin_turn(turn.player)
        call = LossCall(turn)
        with _returning(call), _Watch(fixture.package, call.called):
            call.terms = turn.loss(players.nets, _Reading(images, call.read), shared)
        yield call


@contextmanager
def _returning(call: LossCall) -> Iterator[None]:
    """Record the line at which the loss returns."""
    code, before = source_lines.code_of(call.turn.loss), sys.getprofile()
    call.returned = source_lines.definition(call.turn.loss)

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code is code:
            call.returned = SourceLocation(frame.f_code.co_filename, frame.f_lineno)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


FORBIDDEN = {
    "backward": WATCHED["backward"],
    "step": "is called by the training engine, after it has checked the gradients",
    "zero_grad": "is called by the training engine, before every turn",
    **dict.fromkeys(("item", "tolist", "cpu", "numpy"), WAITS),
}
"""Methods that the module of a family never calls, with the reason."""

WRITTEN = {
    "__bool__": "bool() or if",
    "__float__": "float()",
    "__int__": "int()",
    "__index__": "indexing with a tensor",
}

WRITTEN |= {"__repr__": "print() of a tensor", "__format__": "formatting a tensor", "__array__": "numpy.asarray()"}


def losses_only_compute(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """No loss does the work of the training engine or waits for the device."""
    family = fixture.make()
    seen = set()
    called = [each for call in record_calls(fixture, family, _players(family)) for each in call.called]
    for name, place in [*_written(type(family)), *called]:
        shown = WRITTEN.get(name, f"{name}()")
        key = (name.strip("_"), place)
        if key not in seen:
            seen.add(key)
            why = FORBIDDEN.get(name) or WATCHED.get(name) or "slows down every step"
            advice = "; return the terms of the loss, and log values with ctx.log"
            yield Finding(f"{shown} {why}{advice if why == WAITS else '; a loss only computes'}", place)


def losses_are_named_finite_scalars(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """A loss returns its terms by name, each a finite scalar."""
    family = fixture.make()
    for call in record_calls(fixture, family, _players(family)):
        player, terms = call.turn.player, call.terms
        if not isinstance(terms, Mapping):
            kind = type(terms).__name__
            yield Finding(
                f'the loss of {player} returns {kind}, not its terms by name; write return {{"adversarial": ...}}',
                call.returned,
            )
            continue
        if not terms:
            yield Finding(f"the loss of {player} returns no term", call.returned)
        for name, term in terms.items():
            if sentence := _wrong(player, name, term):
                yield Finding(sentence, _term(call, name))


def losses_keep_no_tensor(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Losses store no tensor on the family."""
    family = fixture.make()
    list(record_calls(fixture, family, _players(family)))
    for name, value in vars(family).items():
        if _holds_tensor(value):
            yield Finding(
                f"a tensor is kept on self.{name}, where it is neither saved nor moved to the device; pass it to a "
                "later turn of the step with ctx.save, or store it in a buffer of a module without parameters",
                source_lines.attribute_set(type(family), name),
            )


def losses_read_what_is_declared(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Every batch key that a family declares is read by a loss."""
    family = fixture.make()
    read: set[str] = set()
    for call in record_calls(fixture, family, _players(family)):
        read |= call.read
    for key in fixture.info.batch:
        if key not in read:
            yield Finding(
                f"the family declares that it reads {key!r}, but no loss reads batch[{key!r}]; read it, or remove it "
                "from FamilyInfo.batch",
                source_lines.definition(type(family)),
            )


def a_turn_changes_its_player_alone(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Gradients of a turn reach only its player, and no loss changes a parameter."""
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
            yield Finding(f"no gradient reaches {turn.player}; use its networks in its loss", where)
        if others := sorted(graded - set(player.named_parameters)):
            yield Finding(
                f"the loss of {turn.player} leaves gradients in {others[0]}, which another player owns", where
            )
        if changed := [name for name, value in _parameters(modules) if not torch.equal(value, before[name])]:
            yield Finding(
                f"the loss of {turn.player} changes {changed[0]}; only the training engine updates networks", where
            )


def _players(family: Family[Any]) -> Players:
    return Players(family.build(), family.players())


def _wrong(player: str, name: object, term: object) -> str | None:
    """Fault of one term; None if there is none."""
    if not isinstance(name, str):
        return f"a term of {player} is named {name!r}; use text, which the log shows"
    if not isinstance(term, Tensor):
        return f"the term {player}/{name} is {type(term).__name__}, not a tensor; return a tensor, which has a gradient"
    if term.shape != ():
        return f"the term {player}/{name} has the shape {tuple(term.shape)}, not (); take its mean over the batch"
    if not torch.isfinite(term):
        return f"the term {player}/{name} is not finite on random images"
    return None


def _term(call: LossCall, name: object) -> SourceLocation | None:
    """Line that names a term, else the line of the return statement."""
    found = source_lines.text_in(call.turn.loss, name) if isinstance(name, str) else None
    return call.returned if found in (None, source_lines.definition(call.turn.loss)) else found


def _written(kind: type[Any]) -> Iterator[tuple[str, SourceLocation]]:
    """Forbidden calls in the source of the family's module, also in code that the checks do not reach."""
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
