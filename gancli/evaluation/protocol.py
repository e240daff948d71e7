"""Protocols of measurements: the settings that affect a value, and the check that values are comparable.

Two values are comparable if their protocols are equal, except for the entries that say which model was measured. Other
results of a metric are not part of the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gancli.errors import UsageError

Protocol = Mapping[str, Any]

MODEL_ENTRIES = ("run", "images", "checkpoint")
"""Entries that say which model was measured: its run, the number of training images, and the hash of its weights.

All other entries say how it was measured. They include `ema`, since averaged weights generate other images;
`trained_on`, since the test is easier for a model that has seen the test images; `chosen`, since the best of many
checkpoints is another statistic than the last; and `gancli`, since another version may compute another value.
"""

CLASS_ENTRIES = ("normal", "anomalous", "fingerprint")
"""Entries that also differ if each model was trained on other classes and the mean over classes is computed."""

_DIGITS = 12  # of a hash in text output


def describe_differences(protocols: Mapping[str, Protocol], *, ignored: Sequence[str] = MODEL_ENTRIES) -> str:
    """Return the differences of protocols, such as `samples 10,000 against 500 (runs/b)`; empty if there are none.

    Args:
        protocols: protocols by model. An entry that is missing in some of them is a difference.
        ignored: entries that may differ.
    """
    (first, *others) = protocols.items()
    differences: dict[str, str] = {}
    for name, protocol in others:
        for entry in dict.fromkeys((*first[1], *protocol)):
            value, other = first[1].get(entry), protocol.get(entry)
            if entry not in ignored and entry not in differences and value != other:
                differences[entry] = f"{entry} {describe_value(value)} against {describe_value(other)} ({name})"
    return ", ".join(differences.values())


def check_same_protocol(
    metrics: Mapping[str, Mapping[str, Protocol]],
    *,
    operation: str,
    remedy: str,
    ignored: Sequence[str] = MODEL_ENTRIES,
) -> None:
    """Check that the values of each metric have the same protocol.

    Args:
        metrics: for each metric, the protocols by model.
        operation: operation that requires it, such as "averaged".
        remedy: suggestion for the user.
        ignored: entries that may differ.

    Raises:
        UsageError: the protocols of a metric differ; the message names all differences.
    """
    differences = {metric: describe_differences(protocols, ignored=ignored) for metric, protocols in metrics.items()}
    wrong = [f"{metric} ({difference})" for metric, difference in differences.items() if difference]
    if wrong:
        raise UsageError(f"values with different protocols cannot be {operation}: {'; '.join(wrong)}; {remedy}")


def common_entries(protocols: Sequence[Protocol]) -> dict[str, Any]:
    """Return the entries that are equal in all protocols."""
    first, *others = protocols
    return {
        entry: value
        for entry, value in first.items()
        if all(entry in other and other[entry] == value for other in others)
    }


def protocol_lines(protocols: Mapping[str, Protocol]) -> list[str]:
    """Return a line for each distinct protocol with the names of its values, and a line for the common entries.

    Args:
        protocols: protocols by name of the value.
    """
    common = common_entries(list(protocols.values()))
    groups: dict[str, list[str]] = {}
    for name, protocol in protocols.items():
        own = format_protocol({entry: value for entry, value in protocol.items() if entry not in common})
        groups.setdefault(own, []).append(name)
    lines = [f"{', '.join(names)}: {own}" for own, names in groups.items() if own]
    return [*lines, f"all: {format_protocol(common)}"] if format_protocol(common) else lines


def format_protocol(protocol: Protocol) -> str:
    """Return a protocol on one line, without the entries of the model and those that are None."""
    return ", ".join(
        f"{entry} {describe_value(value)}"
        for entry, value in protocol.items()
        if entry not in MODEL_ENTRIES and value is not None
    )


def describe_value(value: Any) -> str:
    """Return a value as text, with thousands separators and short hashes."""
    if isinstance(value, Mapping):
        return " ".join(f"{entry} {describe_value(inner)}" for entry, inner in value.items()) or "none"
    if isinstance(value, str) and len(value) == 64 and all(letter in "0123456789abcdef" for letter in value):
        return value[:_DIGITS]
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
