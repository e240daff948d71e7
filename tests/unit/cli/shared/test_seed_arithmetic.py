"""Parsing of seeds and sums of seeds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gancli.cli.shared.seed_arithmetic import MAX_SEED, Group, format_sum, parse_seeds, parse_sum
from gancli.errors import UsageError

GROUPS = st.lists(
    st.builds(Group, st.sampled_from([1, -1]), st.lists(st.integers(0, MAX_SEED), min_size=1, max_size=4).map(tuple)),
    min_size=1,
    max_size=5,
)


def test_the_papers_sum() -> None:
    assert parse_sum("12,40,77 - 3,8,19 + 5,6,21") == [
        Group(1, (12, 40, 77)),
        Group(-1, (3, 8, 19)),
        Group(1, (5, 6, 21)),
    ]


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("7", [Group(1, (7,))]),
        ("-7", [Group(-1, (7,))]),
        (" + 1 , 2-3\t+4 ", [Group(1, (1, 2)), Group(-1, (3,)), Group(1, (4,))]),
        ("1 − 2 – 3", [Group(1, (1,)), Group(-1, (2,)), Group(-1, (3,))]),
    ],
)
def test_spaces_signs_and_single_seeds(text: str, groups: list[Group]) -> None:
    assert parse_sum(text) == groups


@given(GROUPS)
def test_what_is_written_reads_back(groups: list[Group]) -> None:
    assert parse_sum(format_sum(groups)) == groups


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' ends too early: a seed (a whole number) is expected at column 1"),
        ("1,2 -", "'1,2 -' ends too early: a seed (a whole number) is expected at column 6"),
        ("12,40 - + 5", "'12,40 - + 5': a seed (a whole number) is expected at column 9, not '+'"),
        ("1 2", "'1 2': ',', '+' or '-' is expected at column 3, not '2'"),
        ("1 + x", "'1 + x': a seed (a whole number) is expected at column 5, not 'x'"),
        ("1.5", "'1.5': ',', '+' or '-' is expected at column 2, not '.'"),
        ("1 * 2", "'1 * 2': ',', '+' or '-' is expected at column 3, not '*'"),
        ("4294967296", "'4294967296': a seed of at most 4294967295 is expected at column 1, not '4294967296'"),
        ("²", "'²': a seed (a whole number) is expected at column 1, not '²'"),
    ],
)
def test_a_mistake_is_shown_by_its_column(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sum(text)
    assert str(caught.value) == message


def test_a_number_too_long_to_be_one_is_refused() -> None:
    with pytest.raises(UsageError, match="at most"):
        parse_sum("9" * 10_000)


def test_a_list_of_seeds() -> None:
    assert parse_seeds("1,7, 9") == [1, 7, 9]
    with pytest.raises(UsageError, match="',' is expected at column 3"):
        parse_seeds("1 + 2")
