"""What a recipe's `eval:` section measures, held to what is installed and to what the family can do. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable

from gancli import plugins
from gancli.errors import UsageError
from gancli.hookspecs import FamilyInfo, MetricInfo
from gancli.recipe_draft import Draft
from gancli.recipe_sections import EvalConfig

_TASKS = ("sample", "upscale", "translate", "detect")


def check_metrics(draft: Draft, info: FamilyInfo, config: EvalConfig) -> None:
    """Notes metrics that do not exist, or need what the family cannot do, and a best that nobody can tell.

    What only shows when the data are read, and the networks built, is checked before training begins.
    """
    found: dict[str, MetricInfo] = {}
    for index, name in enumerate(config.metrics):
        try:
            found[name] = plugins.registry().metric(name)
        except UsageError as error:
            draft.mistake(str(error), ("eval", "metrics", index))
            continue
        lack = _lack(found[name], info)
        if lack:
            draft.mistake(_refusal(name, lack, info), ("eval", "metrics", index))
    if len(found) < len(config.metrics):
        return
    if config.best is not None and found[config.best].better is None:
        sentence = f"eval.best names {config.best!r}, of which neither high nor low values are best; {_ranked(info)}"
        draft.mistake(sentence, ("eval", "best"))
    elif config.patience is not None and best_of(config) is None:
        sentence = f"eval.patience waits for a new best, and nothing says what is best; {_ranked(info)}"
        draft.mistake(sentence, ("eval", "patience"))


def best_of(config: EvalConfig) -> MetricInfo | None:
    """The metric that decides which checkpoint is best; None where no metric does.

    Raises:
        UsageError: a metric is not installed.
    """
    named = config.metrics if config.best is None else (config.best,)
    return next((info for info in map(plugins.registry().metric, named) if info.better), None)


def _lack(metric: MetricInfo, info: FamilyInfo) -> str:
    """What the metric needs and the family is known not to have, in a word; empty if nothing."""
    missing = next((need for need in metric.needs if need in _TASKS and need not in info.tasks), "")
    return "label" if not missing and "label" in metric.needs and "label" not in info.batch else missing


def _refusal(name: str, lack: str, info: FamilyInfo) -> str:
    fitting = [other.name for other in plugins.registry().metrics().values() if not _lack(other, info)]
    wants = "reads labels" if lack == "label" else f"can {lack}"
    advice = f"choose out of {_listed(fitting)}" if fitting else "leave it out"
    return f"the metric {name!r} needs a family that {wants}, and {info.name!r} does not; {advice}"


def _ranked(info: FamilyInfo) -> str:
    fitting = (metric for metric in plugins.registry().metrics().values() if metric.better and not _lack(metric, info))
    return f"name one out of {_listed(metric.name for metric in fitting)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
