"""Sample sheets of long runs are thinned: bounded in number, evenly spaced, the same after a resume."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from gancli.runs.run import Run
from gancli.training.preview import MAX_SHEETS, thin

EVERY = 100
ENDS = (730, 5_010, 10**6)


def grow(run: Run, positions: list[int]) -> None:
    run.samples.mkdir(parents=True, exist_ok=True)
    for images in positions:
        for suffix in (".png", ".json"):
            (run.samples / f"{images:09d}{suffix}").touch()
        thin(run, images, every=EVERY, stage_ends=ENDS)


def sheets(count: int) -> list[int]:
    """Positions as a run has them: the first step after each multiple, in batches of 7, and the ends of stages."""
    regular = [-(-index * EVERY // 7) * 7 for index in range(count)]
    return sorted({*regular, *(-(-end // 7) * 7 for end in ENDS[:2] if end < regular[-1])})


@pytest.mark.parametrize("count", [50, MAX_SHEETS, 4 * MAX_SHEETS + 1])
def test_the_first_the_last_and_the_ends_of_stages_stay(tmp_path: Path, count: int) -> None:
    run, positions = Run(tmp_path), sheets(count)
    grow(run, positions)
    kept = list(run.previews())
    assert kept == list(run.previews(".json"))
    assert len(kept) <= MAX_SHEETS + len(ENDS) + 2
    assert len(kept) >= min(count, MAX_SHEETS // 2)
    assert kept[0] == 0
    assert kept[-1] == positions[-1]
    for end in (735, 5_012):
        if end < positions[-1]:
            assert end in kept
    gaps = {later - earlier for earlier, later in itertools.pairwise(kept)}
    assert max(gaps) <= 2 * EVERY * max(1, count // MAX_SHEETS) * 2


def test_a_short_run_keeps_all(tmp_path: Path) -> None:
    run, positions = Run(tmp_path), sheets(MAX_SHEETS - 5)
    grow(run, positions)
    assert list(run.previews()) == positions


@pytest.mark.parametrize("stop", [3, MAX_SHEETS + 3, 2 * MAX_SHEETS + 5])
def test_a_resumed_run_keeps_the_same_sheets(tmp_path: Path, stop: int) -> None:
    positions = sheets(2 * MAX_SHEETS + 100)
    whole, resumed = Run(tmp_path / "whole"), Run(tmp_path / "resumed")
    grow(whole, positions)
    grow(resumed, positions[:stop])
    grow(resumed, positions[max(0, stop - 10) :])  # from a checkpoint ten sheets earlier
    assert list(resumed.previews()) == list(whole.previews())


def test_other_files_are_not_removed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    grow(run, sheets(MAX_SHEETS))
    (run.samples / "mine.png").touch()
    grow(run, sheets(4 * MAX_SHEETS))
    assert (run.samples / "mine.png").exists()
