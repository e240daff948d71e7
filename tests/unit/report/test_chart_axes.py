"""Axes of charts: ranges, positions and round ticks for any values."""

from __future__ import annotations

import pytest

from gancli.report.chart import Axis, fit_axis, format_tick, format_value


def test_a_linear_axis_is_linear_and_upside_down() -> None:
    axis = Axis(low=0, high=10, start=200, end=0)
    assert [axis.position(value) for value in (0, 2.5, 10, -5, 99)] == [200, 150, 0, 200, 0]
    assert axis.ticks(5) == [0, 2, 4, 6, 8, 10]


def test_a_logarithmic_axis_gives_equal_ratios_equal_lengths() -> None:
    axis = Axis(low=0.01, high=100, start=0, end=400, log=True)
    assert [round(axis.position(value), 9) for value in (0.01, 0.1, 1, 10, 100)] == [0, 100, 200, 300, 400]
    assert axis.ticks(5) == pytest.approx([0.01, 0.1, 1, 10, 100])


def test_steep_positive_values_are_logarithmic_and_others_are_not() -> None:
    assert fit_axis([1, 100], [], start=0, end=1).log
    assert not fit_axis([1, 20], [], start=0, end=1).log
    assert not fit_axis([-1, 100], [], start=0, end=1).log
    assert fit_axis([1, 100], [0.0], start=0, end=1).log  # the legend says that an optimum of zero is not shown
    assert not fit_axis([1, 100], [-1.0], start=0, end=1).log


def test_levels_are_within() -> None:
    axis = fit_axis([0.4, 0.6], [-1.386], start=0, end=1)
    assert axis.low < -1.386
    assert axis.high > 0.6


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [5.0, 5.0],
        [1.0, 1.0 + 3e-16],
        [-1e299, 1e299],
        [1e-300, 1e299],
        [5e-324, 5e-324],
        [0.0, 5e-324],
        [-3e-15, 4e-15],
        [1e17, 1e17 + 16],
        [-2.0],
    ],
)
def test_any_values_have_an_axis_with_a_few_ticks_within(values: list[float]) -> None:
    axis = fit_axis(values, [], start=200, end=0)
    ticks = axis.ticks(4)
    assert 1 <= len(ticks) <= 7
    assert len(set(ticks)) == len(ticks)
    assert all(axis.low <= tick <= axis.high for tick in ticks)
    assert all(0 < axis.position(value) < 200 for value in values)


def test_numbers_are_written_short() -> None:
    numbers = (0, 0.25, 20_000, 1_500_000, 2e9, 0.0004, -1200)
    assert [format_tick(value) for value in numbers] == ["0", "0.25", "20k", "1.5M", "2G", "4e-4", "-1.2k"]
    assert format_value(0.123456) == "0.1235"
