"""Recipes: a YAML file, checked down to the family's own options before torch is imported, as one frozen object.

Every mistake in a recipe is reported at once, each with its file, line and column. A recipe names families and data
sources that are installed, and nothing else: no string in it is ever imported, expanded or evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gancli.errors import UsageError
from gancli.plugins import registry
from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo, MetricInfo
from gancli.recipes.bundled import bundled as bundled
from gancli.recipes.bundled import bundled_dir as bundled_dir
from gancli.recipes.bundled import find, heading
from gancli.recipes.messages import complaints, shown, unknown_option, unknown_section
from gancli.recipes.options import EvalConfig as EvalConfig
from gancli.recipes.options import FamilyConfig as FamilyConfig
from gancli.recipes.options import Options as Options
from gancli.recipes.options import Side as Side
from gancli.recipes.options import SourceConfig as SourceConfig
from gancli.recipes.options import TrainConfig as TrainConfig
from gancli.recipes.overrides import Draft
from gancli.recipes.yaml import MAX_BYTES, decode, parse, write

_NAMED = 6  # sources that an error offers

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been checked. Two are equal when they say the same, whatever they are called.

    Args:
        name: of the file, without `.yaml`.
        info: the family.
        model: the family's own options.
        data: the source's options.
        train: the options of training.
        eval: what is measured meanwhile.
        heading: the comment lines that the file opens with, without their `#`.
    """

    name: str = field(compare=False)
    info: FamilyInfo
    model: FamilyConfig
    data: SourceConfig
    train: TrainConfig
    eval: EvalConfig = field(default_factory=EvalConfig)
    heading: list[str] = field(default_factory=list, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Every option with its value, as JSON has it."""
        sections = {"data": self.data, "model": self.model, "train": self.train, "eval": self.eval}
        return {"family": self.info.name} | {name: part.model_dump(mode="json") for name, part in sections.items()}

    def to_yaml(self) -> str:
        """The recipe with every option spelled out; `load_recipe` reads it back to an equal one."""
        return "".join(f"# {line}".rstrip() + "\n" for line in self.heading) + write(self.to_dict())


def load_recipe(target: str, overrides: Sequence[str] = ()) -> Recipe:
    """Reads and checks a recipe, without importing torch.

    Args:
        target: the path of a file, or the name of a bundled recipe, such as `gan` or `paper/gan-mnist`.
        overrides: `section.option=value` or `family=name`, each replacing what the file or an earlier one says; values
            are written as in the file, and `null` stands for the default.

    Raises:
        UsageError: there is no such recipe, or something in it is wrong: then one line for every mistake, each opening
            with `file:line:column: ` or with the `--set` that made it.
    """
    path = find(target)
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
        draft.mistake(unknown_section(key, elsewhere), (key,), key=True, rank=0)
    data, model, train, evaluation = (_checked(draft, name, models[name], elsewhere) for name in models)
    if info and source:
        _check_batch(draft, info, source)
    if info and isinstance(evaluation, EvalConfig):
        check_metrics(draft, info, evaluation)
    draft.finish()
    assert info
    assert isinstance(data, SourceConfig)
    assert isinstance(model, FamilyConfig)
    assert isinstance(train, TrainConfig)
    assert isinstance(evaluation, EvalConfig)
    return Recipe(path.stem, info, model, data, train, evaluation, heading(text))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _family(draft: Draft) -> FamilyInfo | None:
    if draft.family is None:
        draft.mistake("a recipe needs a family; add `family: NAME` with one that `gan plugins ls` lists", (), rank=0)
    elif not isinstance(draft.family, str):
        draft.mistake(f"family must be the name of a family, not {shown(draft.family)}", ("family",), rank=0)
    else:
        try:
            return registry.registry().family(draft.family)
        except UsageError as error:
            draft.mistake(str(error), ("family",), rank=0)
    return None


def _source(draft: Draft) -> DatasetInfo | None:
    name = draft.sections["data"].get("source")
    if name is None:
        sentence = "data needs a source; write `data: {source: NAME}` with one that `gan data ls` lists"
        draft.mistake(sentence, ("data",), key=True, rank=0)
    elif not isinstance(name, str):
        draft.mistake(f"data.source must be the name of a source, not {shown(name)}", ("data", "source"), rank=0)
    else:
        try:
            return registry.registry().dataset(name)
        except UsageError as error:
            draft.mistake(str(error), ("data", "source"), rank=0)
    return None


def _config(
    draft: Draft, info: FamilyInfo | DatasetInfo | None, base: type[Model], trail: tuple[str, ...]
) -> type[Model] | None:
    """The class that checks a section, or None where what should bring it is unknown or broken."""
    if info is None:
        return None
    try:
        found: type[Model] = registry.import_class(info.config)
        if not issubclass(found, base):
            raise TypeError(f"{info.config} is no {base.__name__}")
    except Exception as error:  # a stranger's module may raise anything at import
        draft.mistake(f"the plugin that brings {info.name!r} is broken: {_first(error)}", trail, rank=0)
        return None
    return found


def _checked(
    draft: Draft, section: str, model: type[BaseModel] | None, elsewhere: Mapping[str, Iterable[str]]
) -> BaseModel | None:
    if model is None:
        return None
    for option in draft.resets[section] - set(model.model_fields):
        draft.mistake(unknown_option(option, section, model.model_fields, elsewhere), (section, option), key=True)
    given = draft.sections[section]
    try:
        return model.model_validate_json(json.dumps(given))
    except ValidationError as error:
        for sentence, trail, key in complaints(error, model, section, given, elsewhere):
            draft.mistake(sentence, trail, key=key)
    except Exception as error:  # a check in a stranger's config may raise anything
        draft.mistake(f"the check of {section} in {model.__module__} is broken: {_first(error)}", (section,), key=True)
    return None


def _first(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _check_batch(draft: Draft, info: FamilyInfo, source: DatasetInfo) -> None:
    missing = [key for key in info.batch if key not in source.serves]
    if not missing:
        return
    others = registry.registry().datasets().values()
    fitting = [other.name for other in others if set(info.batch) <= set(other.serves)]
    more = " or another that `gan data ls` lists with them" if len(fitting) > _NAMED else ""
    advice = f"use {' or '.join(fitting[:_NAMED])}{more}" if fitting else "no source that is installed has them all"
    sentence = (
        f"the family {info.name!r} trains on {', '.join(info.batch)}, "
        f"but the source {source.name!r} has only {', '.join(source.yields)}; {advice}"
    )
    draft.mistake(sentence, ("data", "source"), rank=0)


_TASKS = ("sample", "upscale", "translate", "detect")


def check_metrics(draft: Draft, info: FamilyInfo, config: EvalConfig) -> None:
    """Notes metrics that do not exist, or need what the family cannot do, and a best that nobody can tell.

    What only shows when the data are read, and the networks built, is checked before training begins.
    """
    found: dict[str, MetricInfo] = {}
    for index, name in enumerate(config.metrics):
        try:
            found[name] = registry.registry().metric(name)
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
    return next((info for info in map(registry.registry().metric, named) if info.better), None)


def _lack(metric: MetricInfo, info: FamilyInfo) -> str:
    """What the metric needs and the family is known not to have, in a word; empty if nothing."""
    missing = next((need for need in metric.needs if need in _TASKS and need not in info.tasks), "")
    return "label" if not missing and "label" in metric.needs and "label" not in info.batch else missing


def _refusal(name: str, lack: str, info: FamilyInfo) -> str:
    fitting = [other.name for other in registry.registry().metrics().values() if not _lack(other, info)]
    wants = "reads labels" if lack == "label" else f"can {lack}"
    advice = f"choose out of {_listed(fitting)}" if fitting else "leave it out"
    return f"the metric {name!r} needs a family that {wants}, and {info.name!r} does not; {advice}"


def _ranked(info: FamilyInfo) -> str:
    fitting = (metric for metric in registry.registry().metrics().values() if metric.better and not _lack(metric, info))
    return f"name one out of {_listed(metric.name for metric in fitting)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
