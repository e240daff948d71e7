"""Recipes: a YAML file, validated down to the family's own options before torch is imported, as one frozen object.

All errors in a recipe are reported at once, each with its file, line and column. A recipe can only name installed
families and data sources; no string in it is imported, expanded or evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gancli.errors import UsageError
from gancli.io.text import error_line
from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo, MetricInfo
from gancli.plugins.registry import import_class, registry
from gancli.recipes.bundled import find_recipe, heading
from gancli.recipes.messages import problems, shown, unknown_option, unknown_section
from gancli.recipes.options import EvalConfig, FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.overrides import Draft
from gancli.recipes.yaml import MAX_BYTES, decode, parse, write

_MAX_SUGGESTED = 6  # data sources in a message

_NO_TASKS = ("discriminate", "label", "image", "points")  # values of `MetricInfo.needs` other than tasks

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Recipe:
    """A validated recipe. Recipes with the same options are equal, whatever their names.

    Args:
        name: file name without `.yaml`.
        info: the family.
        model: options of the family.
        data: options of the data source.
        train: options of training.
        eval: options of evaluation during training.
        heading: comment lines at the top of the file, without their `#`.
    """

    name: str = field(compare=False)
    info: FamilyInfo
    model: FamilyConfig
    data: SourceConfig
    train: TrainConfig
    eval: EvalConfig = field(default_factory=EvalConfig)
    heading: list[str] = field(default_factory=list, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return every option with its value, as JSON values."""
        sections = {"data": self.data, "model": self.model, "train": self.train, "eval": self.eval}
        return {"family": self.info.name} | {name: part.model_dump(mode="json") for name, part in sections.items()}

    def to_yaml(self) -> str:
        """Return the recipe as YAML with every option; `load_recipe` reads it back as equal."""
        return "".join(f"# {line}".rstrip() + "\n" for line in self.heading) + write(self.to_dict())


def load_recipe(target: str, overrides: Sequence[str] = ()) -> Recipe:
    """Load and validate a recipe, without importing torch.

    Args:
        target: path of a file, or name of a bundled recipe, such as `gan` or `paper/gan-mnist`.
        overrides: `section.option=value` or `family=name`, each replacing the value of the file or of an earlier one;
            values are written as in the file, and `null` restores the default.

    Raises:
        UsageError: there is no such recipe, or it has errors: one line for each, beginning with `file:line:column: ` or
            with the `--set` that caused it.
    """
    path = find_recipe(target)
    text = decode(_read(path), name=str(path))
    draft = Draft(parse(text, name=str(path)), overrides)
    info, source = _family(draft), _source(draft)
    models = {
        "data": _config(draft, source, SourceConfig, ("data", "source")),
        "model": _config(draft, info, FamilyConfig, ("family",)),
        "train": TrainConfig,
        "eval": EvalConfig,
    }
    elsewhere = {name: model.model_fields for name, model in models.items() if model}
    for key in draft.unknown_keys():
        draft.add_error(unknown_section(key, elsewhere), (key,), key=True, rank=0)
    data, model, train, evaluation = (_validated(draft, name, models[name], elsewhere) for name in models)
    if info and source:
        _check_batch(draft, info, source)
    if info and isinstance(evaluation, EvalConfig):
        _check_metrics(draft, info, evaluation)
    draft.raise_errors()
    assert info
    assert isinstance(data, SourceConfig)
    assert isinstance(model, FamilyConfig)
    assert isinstance(train, TrainConfig)
    assert isinstance(evaluation, EvalConfig)
    return Recipe(path.stem, info, model, data, train, evaluation, heading(text))


def best_of(config: EvalConfig) -> MetricInfo | None:
    """Return the metric that decides which checkpoint is best; None if there is none.

    Raises:
        UsageError: a metric is not installed.
    """
    named = config.metrics if config.best is None else (config.best,)
    return next((info for info in map(registry().metric, named) if info.better), None)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _family(draft: Draft) -> FamilyInfo | None:
    if draft.family is None:
        draft.add_error("a recipe needs a family; add `family: NAME` with one that `gan plugins ls` lists", (), rank=0)
    elif not isinstance(draft.family, str):
        draft.add_error(f"family must be the name of a family, not {shown(draft.family)}", ("family",), rank=0)
    else:
        try:
            return registry().family(draft.family)
        except UsageError as error:
            draft.add_error(str(error), ("family",), rank=0)
    return None


def _source(draft: Draft) -> DatasetInfo | None:
    name = draft.sections["data"].get("source")
    if name is None:
        message = "data needs a source; write `data: {source: NAME}` with one that `gan data ls` lists"
        draft.add_error(message, ("data",), key=True, rank=0)
    elif not isinstance(name, str):
        draft.add_error(f"data.source must be the name of a source, not {shown(name)}", ("data", "source"), rank=0)
    else:
        try:
            return registry().dataset(name)
        except UsageError as error:
            draft.add_error(str(error), ("data", "source"), rank=0)
    return None


def _config(
    draft: Draft, info: FamilyInfo | DatasetInfo | None, base: type[Model], path: tuple[str, ...]
) -> type[Model] | None:
    """Return the class of a section's options; None if its family or source is unknown or broken."""
    if info is None:
        return None
    try:
        config: type[Model] = import_class(info.config)
        if not issubclass(config, base):
            raise TypeError(f"{info.config} is not a subclass of {base.__name__}")
    except Exception as error:  # a plugin may raise anything at import
        reason = error_line(error.__cause__ or error)  # `import_class` names the cause
        draft.add_error(f"the plugin that provides {info.name!r} is broken: {reason}", path, rank=0)
        return None
    return config


def _validated(
    draft: Draft, section: str, model: type[BaseModel] | None, elsewhere: Mapping[str, Iterable[str]]
) -> BaseModel | None:
    if model is None:
        return None
    for option in draft.resets[section] - set(model.model_fields):
        draft.add_error(unknown_option(option, section, model.model_fields, elsewhere), (section, option), key=True)
    given = draft.sections[section]
    try:
        return model.model_validate_json(json.dumps(given))
    except ValidationError as error:
        for message, path, key in problems(error, model, section, given, elsewhere):
            draft.add_error(message, path, key=key)
    except Exception as error:  # a validator of a plugin may raise anything
        message = f"the validation of {section} in {model.__module__} is broken: {error_line(error)}"
        draft.add_error(message, (section,), key=True)
    return None


def _check_batch(draft: Draft, info: FamilyInfo, source: DatasetInfo) -> None:
    if all(key in source.serves for key in info.batch):
        return
    others = registry().datasets().values()
    fitting = [other.name for other in others if set(info.batch) <= set(other.serves)]
    more = " or another that `gan data ls` lists with them" if len(fitting) > _MAX_SUGGESTED else ""
    advice = f"use {' or '.join(fitting[:_MAX_SUGGESTED])}{more}" if fitting else "no installed source has all of them"
    message = (
        f"the family {info.name!r} trains on {', '.join(info.batch)}, "
        f"but the source {source.name!r} has only {', '.join(source.yields)}; {advice}"
    )
    draft.add_error(message, ("data", "source"), rank=0)


def _check_metrics(draft: Draft, info: FamilyInfo, config: EvalConfig) -> None:
    """Check that the metrics exist and suit the family, and that one decides which checkpoint is best if that is used.

    Requirements that depend on the data or the networks are checked before training begins.
    """
    metrics: dict[str, MetricInfo] = {}
    for index, name in enumerate(config.metrics):
        try:
            metrics[name] = registry().metric(name)
        except UsageError as error:
            draft.add_error(str(error), ("eval", "metrics", index))
            continue
        if missing := _missing_ability(metrics[name], info):
            draft.add_error(_unsuitable(name, missing, info), ("eval", "metrics", index))
    if len(metrics) < len(config.metrics):
        return
    if config.best is not None and metrics[config.best].better is None:
        message = f"eval.best is {config.best!r}, but neither high nor low values of it are better; {_ranked(info)}"
        draft.add_error(message, ("eval", "best"))
    elif config.patience is not None and best_of(config) is None:
        message = f"eval.patience needs a metric that decides which checkpoint is best; {_ranked(info)}"
        draft.add_error(message, ("eval", "patience"))


def _missing_ability(metric: MetricInfo, info: FamilyInfo) -> str:
    """Return the task, or `label`, that the metric needs and the family does not have; "" if there is none."""
    for need in metric.needs:
        if need not in _NO_TASKS and need not in info.tasks:
            return need
    return "label" if "label" in metric.needs and "label" not in info.batch else ""


def _unsuitable(name: str, missing: str, info: FamilyInfo) -> str:
    suitable = [other.name for other in registry().metrics().values() if not _missing_ability(other, info)]
    ability = "reads labels" if missing == "label" else f"can {missing}"
    advice = f"choose from {', '.join(sorted(suitable))}" if suitable else "remove it"
    return f"the metric {name!r} needs a family that {ability}, and {info.name!r} does not; {advice}"


def _ranked(info: FamilyInfo) -> str:
    metrics = registry().metrics().values()
    names = sorted(metric.name for metric in metrics if metric.better and not _missing_ability(metric, info))
    return f"choose from {', '.join(names)}"
