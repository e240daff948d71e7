"""Protocols: by what a number was taken, and which numbers may therefore stand side by side.

Two entries of a protocol only compare where all others are equal, but for those that say what was measured rather than
how. What a metric merely observed is kept outside of the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gancli.errors import UsageError

Protocol = Mapping[str, Any]

OF_THE_RUN = ("run", "images", "checkpoint")
"""Entries that say which model was measured: its run, how many images it had seen, and the hash of its weights.

Everything else is how it was measured. That includes `ema`, for averaged weights draw other images; `trained_on`, for a
model that has seen the test images takes an easier test; `chosen`, for the best of many checkpoints is another
statistic than the last; and `gancli`, for another version may compute otherwise.
"""

OF_THE_CLASSES = ("normal", "anomalous", "fingerprint")
"""Entries that also differ where each model was shown other classes, and a mean is taken over these."""

_DIGITS = 12  # of a hash, where a person reads it


def unlike(protocols: Mapping[str, Protocol], *, free: Sequence[str] = OF_THE_RUN) -> str:
    """In what protocols differ, such as `samples 10,000 against 500 (runs/b)`; nothing where they agree.

    Args:
        protocols: by what was measured. An entry that only some have differs.
        free: entries that may differ.
    """
    (first, *others) = protocols.items()
    found: dict[str, str] = {}
    for name, protocol in others:
        for entry in dict.fromkeys((*first[1], *protocol)):
            if entry not in free and entry not in found and first[1].get(entry) != protocol.get(entry):
                ours, theirs = told(first[1].get(entry)), told(protocol.get(entry))
                found[entry] = f"{entry} {ours} against {theirs} ({name})"
    return ", ".join(found.values())


def check_alike(
    metrics: Mapping[str, Mapping[str, Protocol]], *, where: str, way_out: str, free: Sequence[str] = OF_THE_RUN
) -> None:
    """Holds the numbers that would stand together to one protocol for each metric.

    Args:
        metrics: by metric the protocols, by what was measured.
        where: they would stand together: "in one column".
        way_out: what to do about it.
        free: entries that may differ.

    Raises:
        UsageError: with every metric whose protocols differ, and how.
    """
    reasons = {metric: unlike(protocols, free=free) for metric, protocols in metrics.items()}
    wrong = [f"{metric} ({reason})" for metric, reason in reasons.items() if reason]
    if wrong:
        raise UsageError(f"numbers of unlike protocols do not stand {where}: {'; '.join(wrong)}; {way_out}")


def shared(protocols: Sequence[Protocol]) -> dict[str, Any]:
    """What several protocols have in common."""
    first, *others = protocols
    return {
        entry: value
        for entry, value in first.items()
        if all(entry in other and other[entry] == value for other in others)
    }


def described(protocols: Mapping[str, Protocol]) -> list[str]:
    """How numbers were taken: a line for those of one protocol, with their names, and one for what all have in common.

    Args:
        protocols: by the name of the number.
    """
    common = shared(list(protocols.values()))
    groups: dict[str, list[str]] = {}
    for name, protocol in protocols.items():
        own = on_one_line({entry: value for entry, value in protocol.items() if entry not in common})
        groups.setdefault(own, []).append(name)
    lines = [f"{', '.join(names)}: {own}" for own, names in groups.items() if own]
    return [*lines, f"all: {on_one_line(common)}"] if on_one_line(common) else lines


def on_one_line(protocol: Protocol) -> str:
    """How a number was taken, without what was measured and without what does not apply."""
    return ", ".join(
        f"{entry} {told(value)}" for entry, value in protocol.items() if entry not in OF_THE_RUN and value is not None
    )


def told(value: Any) -> str:
    """A value for a person: thousands apart, hashes short."""
    if isinstance(value, Mapping):
        return " ".join(f"{entry} {told(inner)}" for entry, inner in value.items()) or "none"
    if isinstance(value, str) and len(value) == 64 and all(letter in "0123456789abcdef" for letter in value):
        return value[:_DIGITS]
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
