"""A threshold that normal images seldom exceed, from the scores of some of them."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Context

import numpy as np

from gancli.errors import DataError
from gancli.metrics.ranking import Scores

DIGITS = 6
"""Of a threshold, which is rounded up to so many that a person can type it."""


def threshold(normal: Scores, false_alarms: float) -> float:
    """What a further normal image scores above with a probability of at most `false_alarms`.

    The probability is over the images of calibration as well, and holds whatever the distribution, if all of them and
    the further one are drawn alike: then each of the n + 1 is equally likely to have any rank, so that the quantile is
    taken of n + 1 scores, not of n (Papadopoulos et al. 2002, inductive confidence machines).

    Args:
        normal: (N,), the scores of normal images that training did not see.
        false_alarms: more than 0, less than 1.

    Raises:
        DataError: there are too few for so low a rate.
    """
    exact = float(np.sort(normal)[len(normal) - may_exceed(len(normal), false_alarms)])
    return float(Context(prec=DIGITS, rounding=ROUND_CEILING).create_decimal_from_float(exact))


def may_exceed(count: int, false_alarms: float) -> int:
    """How many out of `count` normal images and a further one may score above the threshold, at least 1.

    Raises:
        DataError: there are too few for so low a rate.
    """
    above = math.floor(false_alarms * (count + 1) + 1e-9)  # for 0.29 * 100 is less than 29
    if above < 1:
        needed = math.ceil(1 / false_alarms - 1e-9) - 1
        raise DataError(
            f"{count:,} normal image{'s are' if count != 1 else ' is'} too few for a rate of false alarms of "
            f"{false_alarms:g}; it takes {needed:,}, or a higher --false-alarms"
        )
    return above
