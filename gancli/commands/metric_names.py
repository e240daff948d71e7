"""Metrics as they are named on the command line."""

from __future__ import annotations

from gancli.errors import UsageError
from gancli.hookspecs import MetricInfo
from gancli.plugins import registry


def named_metrics(metrics: str) -> list[MetricInfo]:
    """The metrics of names between commas, each once.

    Raises:
        UsageError: one is unknown, or none is named.
    """
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--metrics names none; known are {', '.join(sorted(registry().metrics()))}")
    return [registry().metric(name) for name in dict.fromkeys(names)]
