"""The page of results: rendered from stored figures, and marked if there are none."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gancli.errors import NumericalError
from gancli.recipes.bundled import bundled

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that imports a module of `benchmarks/` by its name."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(ROOT / "benchmarks")):
            del sys.modules[name]


@pytest.fixture
def figures(benchmark_module) -> ModuleType:
    return benchmark_module("figures")


@pytest.fixture
def results(benchmark_module) -> ModuleType:
    return benchmark_module("results")


def some(figures: ModuleType, setting: Any, seed: int, **changed: Any) -> Any:
    """Return figures of a setting with a seed."""
    known = {
        "setting": setting.name,
        "digest": figures.digest(setting.recipe, setting.options),
        "seed": seed,
        "images": 1_000,
        "seconds": 70.0,
        "cpu_seconds": 60.0,
        "precision": "fp32",
        "torch": "2.15.0",
        "last": {"FD": 1.0 + 3 * seed},
        "protocols": {"FD": "10 samples"},
    }
    return figures.Figures(**{**known, **changed})


def cells(page: str, recipe: str) -> list[list[str]]:
    """Return the rows of a recipe: from the row with its name up to the next row with a name."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    first = next(index for index, row in enumerate(rows) if row[1] == recipe)
    last = next((index for index in range(first + 1, len(rows)) if rows[index][1]), len(rows))
    return rows[first:last]


def test_the_page_is_made_of_the_figures_that_are_kept(results, figures) -> None:
    kept = figures.read(figures.WHERE)
    assert kept
    assert results.render(kept) == results.PAGE.read_text(encoding="utf-8"), "run: python benchmarks/results.py"


def test_every_bundled_recipe_is_on_the_page_as_it_is_kept(results) -> None:
    page = results.PAGE.read_text(encoding="utf-8")
    for name in bundled():
        assert name in page if "/" in name else cells(page, name), name


def test_where_nothing_was_measured_the_table_says_so(results) -> None:
    page = results.render([])
    for name in bundled():
        if "/" not in name:
            assert all(row[6] == "not measured yet" for row in cells(page, name)), name
    assert "How each number" not in page
    assert set(results._everything()) >= {name for name in bundled() if "/" not in name}


def test_every_bundled_recipe_has_a_setting(results) -> None:
    measured = {setting.recipe for setting in results.SETTINGS.values()}
    assert {name for name in bundled() if "/" not in name} - measured == set()


def test_mean_spread_best_and_paper(results, figures) -> None:
    setting = results.SETTINGS["gan-mnist"]
    (metric,) = setting.papers
    last = {metric: 1.0, "of real": 7.0}, {metric: 4.0, "of real": 7.0}, {metric: 7.0, "of real": 7.0}
    rows = [
        some(figures, setting, seed, last=last[seed], best_by="swd", cpu_seconds=60.0 * (seed + 1)) for seed in range(3)
    ]
    page = results.render(rows)
    first, second = cells(page, "gan-mnist")
    assert first[0] == "gan"
    assert first[2:8] == ["1,000", "2.0 min", "3", metric, "4 ± 3", "-"]
    assert first[8] == setting.papers[metric]
    assert second == ["", "", "", "", "", "of real", "7 ± 0", "-", "-"]
    assert "- `gan-mnist`, FD: 10 samples" in page
    assert "Trainings: 3 in fp32 with torch 2.15.0." in page
    mixed = [*rows[:2], some(figures, setting, 2, last=last[2], precision="bf16")]
    assert "Trainings: 1 in bf16 with torch 2.15.0 and 2 in fp32 with torch 2.15.0." in results.render(mixed)
    rows[1] = some(figures, setting, 1, last=last[1], best={metric: 10.0, "of real": 7.0}, best_by="swd")
    assert cells(results.render(rows), "gan-mnist")[0][7] == "6 ± 4.6 (by swd)"


def test_one_seed_has_no_spread_and_says_that_it_is_one_of_three(results, figures) -> None:
    (row,) = cells(results.render([some(figures, results.SETTINGS["dcgan"], 2)]), "dcgan")
    assert row[4:7] == ["1 of 3", "FD", "7"]


def test_what_is_cut_short_says_of_how_many_images(results, figures) -> None:
    cut, whole = results.SETTINGS["paper/gan-mnist"], results.SETTINGS["paper/gan-mnist-mlp"]
    page = results.render([some(figures, setting, 0) for setting in (cut, whole)])
    assert cells(page, "paper/gan-mnist: train.images=400_000")[0][2] == "1,000 of 25,000,000"
    assert cells(page, "paper/gan-mnist-mlp: data.limit=50000")[0][2] == "1,000"


def test_a_measure_is_explained_without_its_arguments(benchmark_module) -> None:
    measures, scores = benchmark_module("measures"), benchmark_module("refinement_scores")
    ((metrics, told),) = measures._explained({"refined": 0.5, "real": 0.9}, scores.worth).protocols.items()
    assert metrics == "refined, real"
    assert told.startswith("Share of real images")
    assert told.endswith("20 classifiers.")


def test_figures_are_kept_and_stale_ones_do_not_count(results, figures, tmp_path: Path) -> None:
    setting, file = results.SETTINGS["lsgan"], tmp_path / "deep" / "figures.jsonl"
    assert figures.read(file) == []
    old, new, other = (some(figures, setting, 0), some(figures, setting, 0, images=5), some(figures, setting, 1))
    stale = some(figures, setting, 2, digest="0" * 64)
    for row in (other, old, new, stale):
        figures.append(file, row)
    at_hand = figures.read(file)
    assert at_hand == [other, old, new, stale]
    assert figures.of_setting(at_hand, "lsgan", new.digest) == [new, other]


def test_what_is_done_is_not_done_again_and_a_failure_stops_no_other(
    benchmark_module, figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quality, begun = benchmark_module("quality"), []

    def run_setting(setting: Any, shared: Path, seed: int, out: Path | None) -> Any:
        begun.append(seed)
        if seed == 1 and begun.count(1) == 1:
            raise NumericalError("a value is not finite")
        return some(figures, setting, seed)

    monkeypatch.setattr(quality, "run_setting", run_setting)
    command = ["quality.py", "--only", "gan", "--figures", str(tmp_path / "figures.jsonl"), "--shared", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="1 trainings failed"):
        quality.main()
    assert "seed 1  failed: a value is not finite" in capsys.readouterr().err
    quality.main()
    assert begun == [0, 1, 2, 1]
    assert [row.seed for row in figures.read(tmp_path / "figures.jsonl")] == [0, 2, 1]
    assert "mean +- spread of 3 seeds:  FD 4 +- 3" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command[:2], "dcgan-mnist", *command[3:]])
    quality.main()
    assert capsys.readouterr().out == f"dcgan-mnist          skipped: {tmp_path} has no mnist and no features\n"
    assert begun == [0, 1, 2, 1]


def test_the_digest_tells_settings_apart_and_not_seeds(figures) -> None:
    plain = figures.digest("dcgan", [])
    assert plain == figures.digest("dcgan", [])
    assert len({plain, figures.digest("dcgan", ["model.channels=8"]), figures.digest("lsgan", [])}) == 3
