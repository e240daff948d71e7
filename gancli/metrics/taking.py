"""Taking a metric by its name, whoever wrote it."""

from __future__ import annotations

import math

from gancli.errors import UsageError
from gancli.hookspecs import MetricInfo
from gancli.metrics.subject import Measurement, Metric, Subject
from gancli.plugins import import_class


def take(info: MetricInfo, subject: Subject) -> list[Measurement]:
    """What the metric measures of the subject.

    Raises:
        UsageError: the metric's module cannot be imported, or what it measured is no finite number.
        GanError: whatever the metric refuses.
    """
    try:
        metric: Metric = import_class(info.metric)
    except Exception as error:  # a stranger's module may raise anything at import
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(f"the plugin of the metric {info.name!r} is broken: {reason}") from None
    found = list(metric(subject))
    for measurement in found:
        if not isinstance(measurement, Measurement) or not math.isfinite(measurement.value):
            raise UsageError(f"the plugin of the metric {info.name!r} is broken: it measured {measurement!r}")
    return found
