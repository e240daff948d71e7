"""Number formats of a dry run."""

from __future__ import annotations

import pytest

from gancli.cli.dry_run import format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.034, "0.03 s"),
        (8.24, "8.2 s"),
        (119, "119.0 s"),
        (120, "2.0 min"),
        (7_199, "120.0 min"),
        (9_000, "2.5 h"),
        (172_800, "2.0 d"),
    ],
)
def test_durations_are_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
