"""Recipes: a YAML file, checked down to the family's own options before torch is imported, as one frozen object.

Every mistake in a recipe is reported at once, each with its file, line and column. A recipe names families and data
sources that are installed, and nothing else: no string in it is ever imported, expanded or evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from gancli import plugins
from gancli.bundled import bundled as bundled
from gancli.bundled import bundled_dir as bundled_dir
from gancli.bundled import find, heading
from gancli.errors import UsageError
from gancli.hookspecs import DatasetInfo, FamilyInfo
from gancli.recipe_draft import Draft
from gancli.recipe_errors import complaints, shown, unknown_option, unknown_section
from gancli.strict_yaml import MAX_BYTES, decode, parse, write

Side = Annotated[int, Field(gt=0)]

_NAMED = 6  # sources that an error offers
Model = TypeVar("Model", bound=BaseModel)


class Options(BaseModel):
    """A section of a recipe: strict and frozen, unknown options refused, `~` in paths expanded.

    Recipes are validated as JSON, where pydantic's strict mode takes a list for a tuple and text for a path, yet
    neither "64" nor true for a whole number. Built in Python, options want tuples for lists and `Path`s for paths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="after")
    @classmethod
    def _expand_home(cls, value: Any) -> Any:
        if not isinstance(value, Path):
            return value
        try:
            return value.expanduser()
        except RuntimeError:
            raise ValueError(f"must be a path, and there is no home folder for {str(value)!r}") from None


class FamilyConfig(Options):
    """The `model:` section of a recipe; a family subclasses it, with a default and a description for every option."""


class SourceConfig(Options):
    """The `data:` section of a recipe; a data source subclasses it where it takes more than these options.

    Relative paths are relative to the current working directory, wherever the recipe lies.
    """

    source: str = Field(description="name of the data source, see `gan data ls`")
    resolution: Side | tuple[Side, Side] | None = Field(
        default=None, description="side of the square images, or [height, width], in pixels; null keeps their own"
    )
    channels: Literal[1, 3, 4] | None = Field(
        default=None, description="1 grey, 3 colour, 4 colour and opacity; null keeps the source's own"
    )
    split: Literal["train", "test", "all"] = Field(default="train", description="which part of the source")
    classes: tuple[str | int, ...] | None = Field(
        default=None, min_length=1, description="only these labels, by name or number; null takes all"
    )
    limit: int | None = Field(default=None, gt=0, description="at most this many images; null takes all")
    random_crop: Side | tuple[Side, Side] | None = Field(
        default=None,
        description="side, or [height, width], of a part of each image that is cut out at random whenever it is "
        "shown; null shows all of it",
    )
    flip: bool = Field(default=False, description="mirror every image left to right with probability 1/2")
    fit: Literal["crop", "stretch"] = Field(
        default="crop", description="how an image of another shape is brought to the resolution"
    )

    @field_validator("random_crop", mode="after")
    @classmethod
    def _lies_within(cls, value: Any, info: ValidationInfo) -> Any:
        resolution = info.data.get("resolution")
        if value is None or resolution is None:
            return value
        height, width = resolution if isinstance(resolution, tuple) else (resolution, resolution)
        down, across = value if isinstance(value, tuple) else (value, value)
        if down > height or across > width:
            raise ValueError(f"must lie within data.resolution ({height}x{width}), not {down}x{across}")
        return value


class TrainConfig(Options):
    """The `train:` section of a recipe. Lengths are in training images shown, so they survive another batch size."""

    images: int | None = Field(
        default=None,
        gt=0,
        description="training images to show in all; only a cap where a family's stages carry lengths of their own",
    )
    batch_size: int = Field(default=64, gt=0, description="images in a batch, over all devices")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="of everything that is drawn at random")
    accumulate: int = Field(default=1, gt=0, description="micro-batches a batch is split into; divides batch_size")
    precision: Literal["auto", "fp32", "bf16"] = Field(default="auto", description="of the networks' arithmetic")
    memory_format: Literal["auto", "contiguous", "channels_last"] = Field(
        default="auto", description="of the networks' weights and maps; auto is channels_last where they convolve"
    )
    ema: float | None = Field(
        default=None, ge=0, lt=1, description="decay of the averaged weights; null is the family's, 0 turns them off"
    )
    schedule: Literal["constant", "linear"] | None = Field(
        default=None, description="of the learning rates; null is the family's"
    )
    decay_from: float = Field(
        default=0.5, ge=0, le=1, description="fraction of the run at which the linear decay to zero starts"
    )
    warmup: int = Field(default=0, ge=0, description="images over which the learning rates rise from zero")
    clip_grad: float | None = Field(default=None, gt=0, description="largest gradient norm of a player; null: no limit")
    log_every: int = Field(default=2_000, gt=0, description="images between lines of metrics.jsonl")
    preview_every: int = Field(default=20_000, gt=0, description="images between sample sheets")
    checkpoint_every: int = Field(default=20_000, gt=0, description="images between checkpoints")
    keep: int = Field(default=2, ge=1, description="checkpoints kept")
    deterministic: bool = Field(default=False, description="bit-for-bit the same result every time, at some cost")
    compile: bool = Field(default=False, description="compile the networks; slow to start, pays on a GPU only")

    @field_validator("accumulate", mode="after")
    @classmethod
    def _divides_the_batch(cls, value: int, info: ValidationInfo) -> int:
        batch_size = info.data.get("batch_size", value)
        if batch_size % value:
            raise ValueError(f"must divide batch_size ({batch_size}), not {value}")
        return value


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been checked. Two are equal when they say the same, whatever they are called.

    Args:
        name: of the file, without `.yaml`.
        info: the family.
        model: the family's own options.
        data: the source's options.
        train: the options of training.
        heading: the comment lines that the file opens with, without their `#`.
    """

    name: str = field(compare=False)
    info: FamilyInfo
    model: FamilyConfig
    data: SourceConfig
    train: TrainConfig
    heading: list[str] = field(default_factory=list, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Every option with its value, as JSON has it."""
        sections = {"data": self.data, "model": self.model, "train": self.train}
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
    }
    elsewhere = {name: model.model_fields for name, model in models.items() if model}
    for key in draft.unknown_keys():
        draft.mistake(unknown_section(key, elsewhere), (key,), key=True, rank=0)
    data, model, train = (_checked(draft, name, models[name], elsewhere) for name in ("data", "model", "train"))
    if info and source:
        _check_batch(draft, info, source)
    draft.finish()
    assert info
    assert isinstance(data, SourceConfig)
    assert isinstance(model, FamilyConfig)
    assert isinstance(train, TrainConfig)
    return Recipe(path.stem, info, model, data, train, heading(text))


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
            return plugins.registry().family(draft.family)
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
            return plugins.registry().dataset(name)
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
        found: type[Model] = plugins.import_class(info.config)
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
    others = plugins.registry().datasets().values()
    fitting = [other.name for other in others if set(info.batch) <= set(other.serves)]
    more = " or another that `gan data ls` lists with them" if len(fitting) > _NAMED else ""
    advice = f"use {' or '.join(fitting[:_NAMED])}{more}" if fitting else "no source that is installed has them all"
    sentence = (
        f"the family {info.name!r} trains on {', '.join(info.batch)}, "
        f"but the source {source.name!r} has only {', '.join(source.yields)}; {advice}"
    )
    draft.mistake(sentence, ("data", "source"), rank=0)
