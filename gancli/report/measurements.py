"""What was measured of a run, as a table: the last and the best value of each metric, and how they were taken."""

from __future__ import annotations

from collections.abc import Sequence

from gancli.errors import UsageError
from gancli.metrics.ledger import Record, column, newest
from gancli.metrics.protocol import described, told, unlike
from gancli.plugins import registry
from gancli.report.axes import exact
from gancli.report.markup import Html, element
from gancli.report.story import number

SIGNS = {"lower": "lower is better", "higher": "higher is better"}


def table(records: Sequence[Record]) -> Html:
    """A row for each metric, and below the protocols; of unlike protocols the newest one counts."""
    rows = [_row(name, record, records) for name, record in newest(records).items()]
    head = [element("th", name, scope="col") for name in ("metric", "last", "at", "best", "at", "seen besides")]
    made = element(
        "table",
        element("caption", "The last and the best value of each metric, at so many training images"),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
    )
    lines = described({name: record["protocol"] for name, record in newest(records).items()})
    protocols = [element("li", line) for line in lines]
    return element(
        "div",
        element("div", made, class_="wide", tabindex=0, role="region", aria_label="what was measured"),
        element("h3", "Protocols"),
        element("ul", *protocols, class_="protocols"),
    )


def _row(name: str, record: Record, records: Sequence[Record]) -> Html:
    better = _better(record)
    best = _best(record, records, better)
    hint = [element("small", f" {SIGNS[better]}")] if better else []
    values = [_value(record), _images(record), *((_value(best), _images(best)) if best is not None else ("", ""))]
    observed = record.get("observed")
    besides = ", ".join(f"{key} {told(value)}" for key, value in observed.items()) if isinstance(observed, dict) else ""
    return element(
        "tr",
        element("th", name, *hint, scope="row"),
        *(element("td", value) for value in values),
        element("td", besides, class_="words"),
    )


def _better(record: Record) -> str | None:
    """Which way is better; None where the metric's plugin is gone, and of all that a metric says besides, such as
    `swd/16` and `swd/real`, for which its direction was not declared.
    """
    if "/" in record["metric"]:
        return None
    try:
        better = registry().metric(str(record["protocol"].get("by", record["metric"]))).better
    except UsageError:
        return None
    return better if better in SIGNS else None


def _best(record: Record, records: Sequence[Record], better: str | None) -> Record | None:
    """Of those that were taken as this one was; None where nobody knows which way is better."""
    if better is None:
        return None
    protocol = record["protocol"]
    alike = [
        other
        for other in records
        if column(other) == column(record) and not unlike({"": protocol, "other": other["protocol"]})
    ]
    sound = {place: value for place, other in enumerate(alike) if (value := number(other["value"])) is not None}
    if not sound:
        return None
    return alike[(min if better == "lower" else max)(sound, key=sound.__getitem__)]


def _value(record: Record) -> str:
    value = number(record["value"])
    return "not finite" if value is None else exact(value)


def _images(record: Record) -> str:
    images = number(record["protocol"].get("images"))
    return "" if images is None else f"{images:,.0f}"
