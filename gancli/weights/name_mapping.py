"""Which tensor of a foreign file is which of ours."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gancli.errors import UsageError, closest
from gancli.weights.safetensors_file import Tensors

_PLACEHOLDER = re.compile(r"\{(\w+)([+-]\d+)?\}")

_SHOWN = 5  # names that an error lists

_TRIED = 30  # prefixes


@dataclass(frozen=True)
class Matched:
    """Names of ours with those of theirs, and what has no partner.

    Args:
        names: theirs, by ours.
        missing: ours, of networks that are there in part.
        absent: our networks of which nothing is there.
        left: theirs, below the prefix.
        prefix: what all of theirs begin with, such as `params_ema.`.
    """

    names: dict[str, str]
    missing: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    prefix: str = ""


class Rules:
    """A mapping of names, ours to theirs.

    An entry stands for a tensor or for everything below a part of a network: `generator.tail: upsampler` also says what
    `generator.tail.0.weight` is. `{i}` stands for a part between dots, or of theirs a piece of one, and `{i+2}` for a
    number that is larger by two. The first entry that fits counts; a name that none fits is the same in both, with or
    without the name of the network before it.

    Args:
        entries: theirs by ours.

    Raises:
        UsageError: theirs has a placeholder that ours has not.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._rules = [(_pattern(ours), theirs) for ours, theirs in entries.items()]
        for ours, theirs in entries.items():
            known = {name for name, _ in _PLACEHOLDER.findall(ours)}
            for name, _ in _PLACEHOLDER.findall(theirs):
                if name not in known:
                    raise UsageError(f"the mapping of {ours!r}: {{{name}}} is in {theirs!r} alone; put it into both")

    def theirs(self, ours: str) -> list[str]:
        """What one of our names may be called; the likelier first."""
        for pattern, theirs in self._rules:
            found = pattern.fullmatch(ours)
            if found:
                return [_filled(theirs, found.groupdict()) + found["_below"]]
        return [ours, ours.partition(".")[2]]


def match(ours: Iterable[str], theirs: Iterable[str], rules: Rules, *, prefix: str | None = None) -> Matched:
    """Finds a partner for each of our names, below that prefix of theirs under which the most are found.

    Args:
        ours: `<network>.<key>`.
        theirs: any.
        rules: between them.
        prefix: of theirs, if it is known.

    Raises:
        UsageError: several prefixes do equally well.
    """
    names, present = list(ours), set(theirs)
    prefixes = _prefixes(present) if prefix is None else [f"{prefix.rstrip('.')}." if prefix else ""]
    tried = {each: _found(names, present, rules, each) for each in prefixes}
    most = max(len(found) for found in tried.values())
    best: dict[tuple[str, ...], str] = {}  # the shortest prefix that leads to the same tensors
    for each in sorted((each for each, found in tried.items() if len(found) == most), key=len):
        best.setdefault(tuple(sorted(tried[each].values())), each)
    if most and len(best) > 1:
        under = ", ".join(repr(each.rstrip(".")) for each in sorted(best.values()))
        raise UsageError(f"the file holds such weights more than once, under {under}; choose one with --prefix")
    chosen = next(iter(best.values()))
    found = tried[chosen]
    networks = {name.partition(".")[0] for name in found}
    return Matched(
        names=found,
        missing=[name for name in names if name not in found and name.partition(".")[0] in networks],
        absent=list(dict.fromkeys(net for name in names if (net := name.partition(".")[0]) not in networks)),
        left=sorted(name for name in present - set(found.values()) if name.startswith(chosen)),
        prefix=chosen,
    )


def listed(names: Iterable[str], near: Iterable[str] = ()) -> str:
    """Names for an error, the first few, each with the nearest of some others."""
    every, others = list(names), list(near)
    shown = []
    for name in every[:_SHOWN]:
        nearest = closest(name, others, cutoff=0.4)
        shown.append(f"{name} (closest: {nearest})" if nearest else name)
    return ", ".join(shown) + (f" and {len(every) - _SHOWN:,} more" if len(every) > _SHOWN else "")


def shapes_apart(wanted: Tensors, tensors: Tensors) -> list[str]:
    """A clause for every tensor of another shape or kind of numbers than the wanted one of the same name."""
    apart = []
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            here, there = ("x".join(map(str, each.shape)) or "a number" for each in (wanted[name], tensor))
            apart.append(f"{name} is {there} in the file and {here} here")
        elif tensor.is_floating_point() != wanted[name].is_floating_point() or tensor.is_complex():
            apart.append(f"{name} holds {tensor.dtype} in the file and {wanted[name].dtype} here")
    return apart


def _found(names: list[str], present: set[str], rules: Rules, prefix: str) -> dict[str, str]:
    found = {}
    for name in names:
        called = next((prefix + each for each in rules.theirs(name) if prefix + each in present), None)
        if called is not None:
            found[name] = called
    return found


def _prefixes(names: Iterable[str]) -> list[str]:
    """What most names begin with, up to three parts; nothing first."""
    counts: Counter[str] = Counter()
    for name in sorted(names):
        parts = name.split(".")
        counts.update(".".join(parts[:count]) + "." for count in range(1, min(4, len(parts))))
    return ["", *(prefix for prefix, _ in counts.most_common(_TRIED))]


def _pattern(ours: str) -> re.Pattern[str]:
    place, text = 0, ""
    for placeholder in _PLACEHOLDER.finditer(ours):
        text += re.escape(ours[place : placeholder.start()]) + f"(?P<{placeholder[1]}>[^.]+)"
        place = placeholder.end()
    return re.compile(text + re.escape(ours[place:]) + r"(?P<_below>(\..+)?)")


def _filled(theirs: str, values: Mapping[str, str]) -> str:
    def value(placeholder: re.Match[str]) -> str:
        text, change = values[placeholder[1]], placeholder[2]
        return str(int(text) + int(change)) if change and text.isdecimal() else text

    return _PLACEHOLDER.sub(value, theirs)
