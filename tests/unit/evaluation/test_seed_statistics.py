"""Means and standard deviations over runs."""

from __future__ import annotations

import math

import pytest

from gancli.evaluation.seed_statistics import compute_statistics, protocols_by_column


def record(metric: str, value: float, **protocol: object) -> dict[str, object]:
    return {"metric": metric, "value": value, "protocol": protocol}


def test_mean_and_sample_standard_deviation_in_closed_form() -> None:
    """The mean of a - d, a and a + d is a, and the deviation with n - 1 in the denominator is d."""
    (found,) = compute_statistics(
        {name: [record("swd", value, run=name, samples=5)] for name, value in zip("abc", (1, 4, 7), strict=True)}
    )
    assert (found.mean, found.deviation) == (4.0, 3.0)
    assert found.to_json() == {
        "metric": "swd",
        "value": 4.0,
        "spread": 3.0,
        "values": {"a": 1.0, "b": 4.0, "c": 7.0},
        "protocol": {"samples": 5},
    }


def test_of_two_the_deviation_is_their_distance_over_the_root_of_two() -> None:
    (found,) = compute_statistics({"a": [record("swd", 0.0)], "b": [record("swd", 3.0)]})
    assert found.deviation == pytest.approx(3 / math.sqrt(2), rel=1e-15)


def test_one_run_has_a_value_and_no_spread() -> None:
    (found,) = compute_statistics({"a": [record("swd", 9.0), record("swd", 2.0, run="a")]})
    assert (found.mean, found.deviation) == (2.0, None)
    assert found.to_json() == {"metric": "swd", "value": 2.0, "protocol": {"run": "a"}}


def test_only_what_all_runs_have_is_averaged_and_the_best_apart_from_the_last() -> None:
    best = {"chosen": "best by swd"}
    found = compute_statistics(
        {
            "a": [record("swd", 3.0), record("swd", 1.0, **best), record("modes", 8)],
            "b": [record("swd", 5.0), record("swd", 2.0, **best)],
        }
    )
    assert {each.column: each.mean for each in found} == {"swd": 4.0, "swd (best by swd)": 1.5}
    assert [each.metric for each in found] == ["swd", "swd"]


def test_protocols_by_column_and_run() -> None:
    measured = {"a": [record("swd", 1.0, samples=5)], "b": [record("swd", 1.0, samples=6), record("modes", 8)]}
    assert protocols_by_column(measured) == {"swd": {"a": {"samples": 5}, "b": {"samples": 6}}, "modes": {"b": {}}}
