"""Source `paired`: comparison of the sizes of sources and targets."""

from __future__ import annotations

import pytest

from gancli.data.sources.paired import compare_sizes, integer_scale

NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("source", "target", "scale"),
    [
        ((10, 20), (10, 20), 1),
        ((10, 20), (40, 80), 4),
        ((10, 20), (43, 81), 4),  # remainders of the division are ignored
        ((10, 20), (30, 80), None),
        ((10, 20), (39, 80), None),
        ((10, 20), (5, 10), None),
        ((10, 20), (11, 20), None),
        ((1, 1), (7, 7), 7),
    ],
)
def test_the_scale_of_a_pair(source: tuple[int, int], target: tuple[int, int], scale: int | None) -> None:
    assert integer_scale(source, target) == scale


def test_what_cannot_be_read_is_left_out() -> None:
    result = compare_sizes([((3, 3), (6, 6)), (None, (6, 6)), ((3, 3), None)], NAMES)
    assert (result.scale, list(result.problems)) == (2, [])
    assert compare_sizes([(None, None)], NAMES).scale == 1


def test_the_scale_of_most_pairs_is_what_the_others_are_held_to() -> None:
    four, two = ((2, 2), (8, 8)), ((2, 2), (4, 4))
    result = compare_sizes([four, two, four, four], NAMES)
    assert result.scale is None
    assert "4 times as large as their sources in 3 of 4 pairs, but b is 2x2, its target 4x4;" in result.problems[0]
    (problem,) = compare_sizes([((2, 2), (3, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2))], NAMES).problems
    assert problem.startswith("the images of a pair must have the same size: a is 2x2, its target 3x2; ")
