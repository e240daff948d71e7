"""Validation of the `eval:` section of a recipe against the installed metrics."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gancli.errors import UsageError
from gancli.plugins import registry as plugins
from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo, MetricInfo
from gancli.recipes.options import EvalConfig
from gancli.recipes.recipe import Recipe, best_of, load_recipe

PAINTER = FamilyInfo(
    name="painter",
    summary="",
    paper="",
    tasks=("sample",),
    batch=("image",),
    family="",
    config="gancli.recipes.recipe:FamilyConfig",
)
SHAPES = DatasetInfo(
    name="shapes", summary="", yields=("image",), needs="", source="", config="gancli.recipes.recipe:SourceConfig"
)
METRICS = (
    MetricInfo(name="near", summary="", needs=("sample", "image"), metric="", better="lower"),
    MetricInfo(name="far", summary="", needs=("sample", "discriminate"), metric="", better="higher"),
    MetricInfo(name="alike", summary="", needs=("sample",), metric=""),
    MetricInfo(name="named", summary="", needs=("sample", "label"), metric="", better="higher"),
    MetricInfo(name="sharp", summary="", needs=("upscale",), metric="", better="higher"),
)

Load = Callable[..., Recipe]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that loads a recipe with the given last line."""
    monkeypatch.chdir(tmp_path)
    plugin = plugins.Plugin(name="painter", package="painter", version="1")
    labelled = dataclasses.replace(PAINTER, name="labelled", batch=("image", "label"))
    plugin.families, plugin.datasets, plugin.metrics = [PAINTER, labelled], [SHAPES], list(METRICS)
    registry = plugins.Registry([])
    monkeypatch.setattr(registry, "plugins", lambda: [plugin])
    monkeypatch.setattr(plugins, "_registry", registry)

    def load(line: str = "", *overrides: str) -> Recipe:
        Path("r.yaml").write_text(f"family: painter\ndata: {{source: shapes}}\n{line}\n")
        return load_recipe("r.yaml", overrides)

    return load


def test_without_a_section_nothing_is_measured_but_the_guard_is_up(load: Load) -> None:
    assert load().eval == load("eval:").eval == EvalConfig()
    assert EvalConfig().metrics == ()
    assert EvalConfig().guard == "warn"


def test_a_section_as_it_is_meant(load: Load) -> None:
    recipe = load("eval: {every: 50_000, metrics: [alike, near], best: near, guard: rollback, patience: 5}")
    assert recipe.eval == EvalConfig(every=50_000, metrics=("alike", "near"), best="near", guard="rollback", patience=5)
    assert load("eval: {metrics: [near]}", "eval.every=7", "eval.metrics=[far]").eval == EvalConfig(
        every=7, metrics=("far",)
    )
    Path("again.yaml").write_text(recipe.to_yaml())
    assert load_recipe("again.yaml") == recipe


def test_the_first_metric_with_a_better_side_decides_unless_one_is_named(load: Load) -> None:
    def decides(line: str) -> str | None:
        info = best_of(load(line).eval)
        return info and info.name

    assert decides("eval: {metrics: [alike, far, near]}") == "far"
    assert decides("eval: {metrics: [alike, far, near], best: near}") == "near"
    assert decides("eval: {metrics: [alike]}") is None
    assert decides("") is None


MISTAKES = [
    ("eval: {metrics: [nearr]}", "r.yaml:3:18: unknown metric 'nearr': did you mean 'near'?"),
    (
        "eval: {metrics: [near, sharp]}",
        "r.yaml:3:24: the metric 'sharp' needs a family that can upscale, and 'painter' does not; choose from alike, "
        "far, near",
    ),
    (
        "eval: {metrics: [named]}",
        "r.yaml:3:18: the metric 'named' needs a family that reads labels, and 'painter' does not; choose from "
        "alike, far, near",
    ),
    ("eval: {metrics: [near, near]}", "r.yaml:3:17: eval.metrics must name each metric once; remove the second 'near'"),
    ("eval: {best: near}", "r.yaml:3:14: eval.best must be one of eval.metrics, which is empty, not 'near'"),
    (
        "eval: {metrics: [near], best: far}",
        "r.yaml:3:31: eval.best must be one of eval.metrics, which has near, not 'far'",
    ),
    (
        "eval: {metrics: [alike], best: alike}",
        "r.yaml:3:32: eval.best is 'alike', but neither high nor low values of it are better; choose from far, near",
    ),
    (
        "eval: {metrics: [alike], patience: 3}",
        "r.yaml:3:36: eval.patience needs a metric that decides which checkpoint is best; choose from far, near",
    ),
    ("eval: {guard: shout}", "r.yaml:3:15: eval.guard must be 'off', 'warn', 'stop' or 'rollback', not 'shout'"),
    ("eval: {floor: 1.5}", "r.yaml:3:15: eval.floor must be a number greater than 0 and less than 1, not 1.5"),
    ("eval: {evry: 3}", "r.yaml:3:8: unknown option 'evry' in eval: did you mean 'every'?"),
    ("train: {metrics: [near]}", "r.yaml:3:9: unknown option 'metrics' in train: it belongs in eval"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_the_words_for_a_mistake(load: Load, line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(line)
    assert re.sub("; `gan plugins ls` lists them", "", str(caught.value)) == message


def test_a_mistake_of_an_override_names_it(load: Load) -> None:
    with pytest.raises(UsageError, match=r"^--set eval\.metrics=\[sharp\]: the metric 'sharp' needs a family that can"):
        load("", "eval.metrics=[sharp]")
