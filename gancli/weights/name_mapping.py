"""Mapping between the tensor names of a family's networks and those of a weight file from another program."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gancli.errors import UsageError, closest
from gancli.weights.safetensors_file import Tensors

_PLACEHOLDER = re.compile(r"\{(\w+)([+-]\d+)?\}")

_MAX_LISTED = 5  # names in an error message

_MAX_PREFIXES = 30  # prefixes to try


@dataclass(frozen=True)
class NameMatch:
    """Tensor names of a family matched with those of a file.

    Args:
        names: name in the file by name of the family, for the pairs.
        missing: names of the family without a counterpart, in networks that are partly in the file.
        absent: networks of the family that are not in the file at all.
        unused: names of the file without a counterpart, below the prefix.
        prefix: common prefix of the names in the file, such as `params_ema.`.
    """

    names: dict[str, str]
    missing: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    prefix: str = ""


class NameMapping:
    """Rules that map tensor names of a family to those of a file.

    A rule applies to a tensor and to everything below a part of a network: `generator.tail: upsampler` also maps
    `generator.tail.0.weight`. `{i}` stands for one part between dots (in the file's name also for a piece of a part),
    and `{i+2}` for that number plus two. The first rule that fits applies. A name without a rule is the same in the
    file, with or without the name of the network in front of it.

    Args:
        rules: name in the file by name of the family.
        renamed: new network name by old one, as in `Family.renamed`; rules and files may use the old ones.

    Raises:
        UsageError: a name in the file has a placeholder that the family's name does not have.
    """

    def __init__(self, rules: Mapping[str, str], renamed: Mapping[str, str] | None = None) -> None:
        renamed = renamed or {}
        self._old_names = {new: old for old, new in renamed.items()}
        self._rules: list[tuple[re.Pattern[str], str]] = []
        for name, file_name in rules.items():
            known = {placeholder for placeholder, _ in _PLACEHOLDER.findall(name)}
            for placeholder, _ in _PLACEHOLDER.findall(file_name):
                if placeholder not in known:
                    raise UsageError(
                        f"the mapping of {name!r}: {{{placeholder}}} is only in {file_name!r}; use it in both names"
                    )
            network, dot, rest = name.partition(".")
            self._rules.append((_pattern(f"{renamed.get(network, network)}{dot}{rest}"), file_name))

    def candidates(self, name: str) -> list[str]:
        """Return the names that a tensor of the family may have in a file, the most likely first."""
        for pattern, file_name in self._rules:
            matched = pattern.fullmatch(name)
            if matched:
                return [_fill(file_name, matched.groupdict()) + matched["_below"]]
        network, _, rest = name.partition(".")
        old = [f"{self._old_names[network]}.{rest}"] if network in self._old_names else []
        return [name, rest, *old]


def match(
    names: Iterable[str], file_names: Iterable[str], mapping: NameMapping, *, prefix: str | None = None
) -> NameMatch:
    """Match each tensor name of a family with one of a file, below the prefix that gives the most matches.

    Args:
        names: names of the family, `<network>.<key>`.
        file_names: names in the file.
        mapping: rules between them.
        prefix: prefix of the names in the file (default: the best one).

    Raises:
        UsageError: several prefixes give equally many matches.
    """
    wanted, present = list(names), set(file_names)
    prefixes = _common_prefixes(present) if prefix is None else [f"{prefix.rstrip('.')}." if prefix else ""]
    pairs = {candidate: _match_below(candidate, wanted, present, mapping) for candidate in prefixes}
    most = max(len(matched) for matched in pairs.values())
    best: dict[tuple[str, ...], str] = {}  # shortest prefix for each set of matched tensors
    for candidate in sorted((candidate for candidate in prefixes if len(pairs[candidate]) == most), key=len):
        best.setdefault(tuple(sorted(pairs[candidate].values())), candidate)
    if most and len(best) > 1:
        under = ", ".join(repr(candidate.rstrip(".")) for candidate in sorted(best.values()))
        raise UsageError(f"the file contains such weights more than once, under {under}; choose one with --prefix")
    chosen = next(iter(best.values()))
    matched = pairs[chosen]
    networks = {name.partition(".")[0] for name in matched}
    return NameMatch(
        names=matched,
        missing=[name for name in wanted if name not in matched and name.partition(".")[0] in networks],
        absent=list(dict.fromkeys(net for name in wanted if (net := name.partition(".")[0]) not in networks)),
        unused=sorted(name for name in present - set(matched.values()) if name.startswith(chosen)),
        prefix=chosen,
    )


def listed(names: Iterable[str], near: Iterable[str] = ()) -> str:
    """Return the first few names for an error message, each with the closest of some other names."""
    every, others = list(names), list(near)
    shown = []
    for name in every[:_MAX_LISTED]:
        nearest = closest(name, others, cutoff=0.4)
        shown.append(f"{name} (closest: {nearest})" if nearest else name)
    return ", ".join(shown) + (f" and {len(every) - _MAX_LISTED:,} more" if len(every) > _MAX_LISTED else "")


def shape_differences(expected: Tensors, tensors: Tensors) -> list[str]:
    """Return a clause for every tensor whose shape or kind of dtype differs from the expected one of the same name."""
    differences = []
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            here, there = ("x".join(map(str, each.shape)) or "a scalar" for each in (expected[name], tensor))
            differences.append(f"{name} is {there} in the file and {here} here")
        elif tensor.is_floating_point() != expected[name].is_floating_point() or tensor.is_complex():
            differences.append(f"{name} is {tensor.dtype} in the file and {expected[name].dtype} here")
    return differences


def _match_below(prefix: str, names: list[str], present: set[str], mapping: NameMapping) -> dict[str, str]:
    matched = {}
    for name in names:
        in_file = next((prefix + each for each in mapping.candidates(name) if prefix + each in present), None)
        if in_file is not None:
            matched[name] = in_file
    return matched


def _common_prefixes(names: Iterable[str]) -> list[str]:
    """Return the most frequent prefixes of up to three parts, after the empty one."""
    counts: Counter[str] = Counter()
    for name in sorted(names):
        parts = name.split(".")
        counts.update(".".join(parts[:count]) + "." for count in range(1, min(4, len(parts))))
    return ["", *(prefix for prefix, _ in counts.most_common(_MAX_PREFIXES))]


def _pattern(name: str) -> re.Pattern[str]:
    position, text = 0, ""
    for placeholder in _PLACEHOLDER.finditer(name):
        text += re.escape(name[position : placeholder.start()]) + f"(?P<{placeholder[1]}>[^.]+)"
        position = placeholder.end()
    return re.compile(text + re.escape(name[position:]) + r"(?P<_below>(\..+)?)")


def _fill(file_name: str, values: Mapping[str, str]) -> str:
    def value(placeholder: re.Match[str]) -> str:
        text, offset = values[placeholder[1]], placeholder[2]
        return str(int(text) + int(offset)) if offset and text.isdecimal() else text

    return _PLACEHOLDER.sub(value, file_name)
