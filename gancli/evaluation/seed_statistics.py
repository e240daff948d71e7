"""Statistics of a metric over runs that differ only in their seeds: mean and standard deviation."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gancli.evaluation.protocol import Protocol, common_entries
from gancli.runs.eval_log import Record, newest


@dataclass(frozen=True, kw_only=True)
class SeedStatistics:
    """A metric over several runs.

    Args:
        metric: name of the metric.
        column: name of its column, as returned by `eval_log.column`.
        values: values by run, at least one.
        protocol: common protocol of all values.
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
        """The sample standard deviation, with n - 1 in the denominator; None for a single run."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return a measurement with the mean as its value."""
        several = {"spread": self.deviation, "values": dict(self.values)} if len(self.values) > 1 else {}
        return {"metric": self.metric, "value": self.mean, **several, "protocol": dict(self.protocol)}


def protocols_by_column(records: Mapping[str, Sequence[Record]]) -> dict[str, dict[str, Protocol]]:
    """Return the protocols of each run's newest records, by column and run."""
    protocols: dict[str, dict[str, Protocol]] = {}
    for run, of_run in records.items():
        for column, record in newest(of_run).items():
            protocols.setdefault(column, {})[run] = record["protocol"]
    return protocols


def compute_statistics(records: Mapping[str, Sequence[Record]]) -> list[SeedStatistics]:
    """Return the statistics of every column that all runs have, from each run's newest records.

    Args:
        records: records by run, whose protocols `protocol.check_same_protocol` accepts.
    """
    by_run = {run: newest(of_run) for run, of_run in records.items()}
    first = next(iter(by_run.values()))
    results = []
    for column, record in first.items():
        if not all(column in columns for columns in by_run.values()):
            continue
        values = {run: float(columns[column]["value"]) for run, columns in by_run.items()}
        common = common_entries([columns[column]["protocol"] for columns in by_run.values()])
        results.append(SeedStatistics(metric=record["metric"], column=column, values=values, protocol=common))
    return results
