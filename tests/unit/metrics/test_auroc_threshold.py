"""Thresholds for a false alarm rate: the guaranteed rate, and the required number of images."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gancli.errors import DataError
from gancli.metrics.auroc import allowed_exceedances, threshold_for_rate


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (20, 0.05), (39, 0.05), (99, 0.29), (9, 0.5), (7, 0.9)])
def test_every_one_of_n_plus_1_in_turn(count: int, rate: float) -> None:
    """Each image is left out once: the share of images above the threshold of the others is the rate, rounded down to a
    share of n + 1.
    """
    scores = np.random.default_rng(count).permutation(np.arange(count + 1) / 8)
    alarms = sum(each > threshold_for_rate(np.delete(scores, place), rate) for place, each in enumerate(scores))
    exact = Fraction(str(rate)) * (count + 1)
    assert alarms == exact.numerator // exact.denominator == allowed_exceedances(count, rate)


def test_ties_only_make_alarms_rarer() -> None:
    scores = np.array([1.0] * 15 + [2.0] * 5)
    alarms = sum(each > threshold_for_rate(np.delete(scores, place), 0.25) for place, each in enumerate(scores))
    assert alarms <= 0.25 * len(scores)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("sign", [1, -1])
def test_it_can_be_typed_and_is_never_lower(scale: float, sign: int) -> None:
    scores = np.random.default_rng(0).random(50) * scale * sign
    found = threshold_for_rate(scores, 0.1)
    exact = np.sort(scores)[50 - 5]
    assert float(f"{found:.6g}") == found
    assert exact <= found <= exact + 1e-5 * abs(exact)


def test_too_few() -> None:
    with pytest.raises(DataError, match=r"18 normal images are too few for .* rate of 0\.05; use at least 19"):
        threshold_for_rate(np.arange(18.0), 0.05)
    with pytest.raises(DataError, match="1 normal image is too few"):
        allowed_exceedances(1, 0.1)
    assert threshold_for_rate(np.arange(19.0), 0.05) == 18
