"""Comparison and text of protocols."""

from __future__ import annotations

import pytest

from gancli.errors import UsageError
from gancli.evaluation.protocol import (
    check_same_protocol,
    common_entries,
    describe_differences,
    format_protocol,
    protocol_lines,
)

FIRST = {"samples": 10_000, "seed": 0, "ema": True, "run": "a", "images": 64, "checkpoint": "0" * 64}


def test_what_was_measured_may_differ() -> None:
    assert describe_differences({"a": FIRST, "b": {**FIRST, "run": "b", "images": 128, "checkpoint": "1" * 64}}) == ""
    assert describe_differences({"a": FIRST}) == ""


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"samples": 500}, "samples 10,000 against 500 (b)"),
        ({"ema": False}, "ema yes against no (b)"),
        ({"truncation": 0.7}, "truncation none against 0.7 (b)"),
        ({"samples": 500, "seed": 1}, "samples 10,000 against 500 (b), seed 0 against 1 (b)"),
        ({"fingerprint": {"train": "ab" * 32}}, "fingerprint none against train abababababab (b)"),
    ],
)
def test_how_it_was_measured_may_not(other: dict[str, object], difference: str) -> None:
    assert describe_differences({"a": FIRST, "b": {**FIRST, **other}}) == difference


def test_an_entry_that_the_other_lacks_differs() -> None:
    assert (
        describe_differences({"a": {"samples": 5, "backbone": "inception"}, "b": {"samples": 5}})
        == "backbone inception against none (b)"
    )


def test_an_entry_that_is_there_without_a_value_is_as_good_as_absent() -> None:
    assert describe_differences({"a": {"truncation": None}, "b": {}}) == ""


def test_every_metric_that_is_unlike_is_named_and_no_other() -> None:
    metrics = {
        "swd": {"a": FIRST, "b": {**FIRST, "samples": 500}},
        "modes": {"a": FIRST, "b": FIRST},
        "distinct": {"a": FIRST, "b": FIRST, "c": {**FIRST, "seed": 3}},
    }
    with pytest.raises(UsageError) as refusal:
        check_same_protocol(metrics, operation="averaged", remedy="measure them again")
    assert str(refusal.value) == (
        "values with different protocols cannot be averaged: swd (samples 10,000 against 500 (b)); "
        "distinct (seed 0 against 3 (c)); measure them again"
    )
    check_same_protocol({"modes": metrics["modes"]}, operation="", remedy="")


def test_what_protocols_share() -> None:
    assert common_entries([FIRST, {**FIRST, "seed": 1, "more": 2}]) == {
        key: FIRST[key] for key in FIRST if key != "seed"
    }
    assert common_entries([FIRST]) == FIRST


def test_on_one_line_without_the_run_and_what_does_not_apply() -> None:
    assert format_protocol({**FIRST, "backbone": None, "lr": 0.12345}) == "samples 10,000, seed 0, ema yes, lr 0.1235"


def test_numbers_of_one_protocol_share_a_line() -> None:
    taken = {"swd": {"samples": 9, "data": "d"}, "swd/8": {"samples": 9, "data": "d"}, "modes": {"data": "d", "k": 3}}
    assert protocol_lines(taken) == ["swd, swd/8: samples 9", "modes: k 3", "all: data d"]
    assert protocol_lines({"swd": {"samples": 9}}) == ["all: samples 9"]
    assert protocol_lines({"swd": {"samples": 9}, "modes": {"k": 3}}) == ["swd: samples 9", "modes: k 3"]
