"""Downsampling of lists and of curves."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gancli.report.curves import downsample, downsample_curve


@pytest.mark.parametrize("count", [2, 3, 7, 24])
def test_the_ends_stay_and_the_rest_is_even(count: int) -> None:
    kept = downsample(range(101), count)
    assert (kept[0], kept[-1], len(kept)) == (0, 100, count)
    gaps = {later - before for before, later in pairwise(kept)}
    assert max(gaps) - min(gaps) <= 1
    assert downsample([4, 5], count) == [4, 5]


def test_peaks_stay() -> None:
    points = [(place, 0.0) for place in range(10_000)]
    points[4_321], points[8_765] = (4_321, 9.0), (8_765, -9.0)
    kept = downsample_curve(points, 400)
    assert len(kept) <= 402
    assert {(4_321, 9.0), (8_765, -9.0), points[0], points[-1]} <= set(kept)
    assert kept == sorted(set(kept))
    assert downsample_curve(points[:5], 400) == points[:5]
