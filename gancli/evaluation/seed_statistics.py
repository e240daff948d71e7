"""One number of several runs that differ in nothing but their seeds: its mean and its spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gancli.evaluation.protocol import Protocol, shared
from gancli.runs.eval_log import Record, newest


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A metric over several runs.

    Args:
        metric: its name.
        column: where its numbers stand, as `ledger.column` says.
        values: by run, at least one.
        protocol: that all were taken by.
    """

    metric: str
    column: str
    values: Mapping[str, float]
    protocol: Protocol

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values.values())

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation, with n - 1 under the root; one run has none."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """A measurement whose value is the mean."""
        several = {"spread": self.deviation, "values": dict(self.values)} if len(self.values) > 1 else {}
        return {"metric": self.metric, "value": self.mean, **several, "protocol": dict(self.protocol)}


def protocols(measured: Mapping[str, Sequence[Record]]) -> dict[str, dict[str, Protocol]]:
    """By column the protocols that the newest measurement of each run was taken by."""
    found: dict[str, dict[str, Protocol]] = {}
    for run, records in measured.items():
        for column, record in newest(records).items():
            found.setdefault(column, {})[run] = record["protocol"]
    return found


def spreads(measured: Mapping[str, Sequence[Record]]) -> list[Spread]:
    """Every column that all runs have, over these runs; the newest measurement of each counts.

    Args:
        measured: by run. Their protocols are alike, as `protocol.check_alike` checks.
    """
    by_run = {run: newest(records) for run, records in measured.items()}
    first = next(iter(by_run.values()))
    found = []
    for column, record in first.items():
        if not all(column in records for records in by_run.values()):
            continue
        values = {run: float(records[column]["value"]) for run, records in by_run.items()}
        common = shared([records[column]["protocol"] for records in by_run.values()])
        found.append(Spread(metric=record["metric"], column=column, values=values, protocol=common))
    return found
