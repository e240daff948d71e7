"""Fewer of many."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gancli.report.curves import peaked, thinned


@pytest.mark.parametrize("most", [2, 3, 7, 24])
def test_the_ends_stay_and_the_rest_is_even(most: int) -> None:
    kept = thinned(range(101), most)
    assert (kept[0], kept[-1], len(kept)) == (0, 100, most)
    gaps = {later - before for before, later in pairwise(kept)}
    assert max(gaps) - min(gaps) <= 1
    assert thinned([4, 5], most) == [4, 5]


def test_peaks_stay() -> None:
    points = [(place, 0.0) for place in range(10_000)]
    points[4_321], points[8_765] = (4_321, 9.0), (8_765, -9.0)
    kept = peaked(points, 400)
    assert len(kept) <= 402
    assert {(4_321, 9.0), (8_765, -9.0), points[0], points[-1]} <= set(kept)
    assert kept == sorted(set(kept))
    assert peaked(points[:5], 400) == points[:5]
