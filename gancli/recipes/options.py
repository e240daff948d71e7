"""The sections of a recipe: what each may say, with a default and a description for every option. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Side = Annotated[int, Field(gt=0)]


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


class EvalConfig(Options):
    """The `eval:` section of a recipe: what is measured while training goes on, and what follows from it.

    Nothing of it changes the course of training, unless `guard` or `patience` ends it or brings it back.
    """

    every: int | None = Field(default=None, gt=0, description="images between measurements; null: a tenth of the run")
    metrics: tuple[str, ...] = Field(
        default=(), description="what to measure, as `gan eval --metrics` has it; the guard needs none"
    )
    samples: int = Field(default=500, ge=2, description="images to draw for a metric, fewer than for a published value")
    best: str | None = Field(
        default=None,
        description="the metric whose best checkpoint is kept beside the last ones; null is the first of metrics that "
        "says which way is better",
    )
    guard: Literal["off", "warn", "stop", "rollback"] = Field(
        default="warn",
        description="what to do where two measurements in a row find the samples collapsed: say so, end the run, or go "
        "back to before, once, with other noise",
    )
    floor: float = Field(
        default=0.5, gt=0, lt=1, description="samples less diverse than this fraction of the data count as collapsed"
    )
    patience: int | None = Field(
        default=None, gt=0, description="measurements without a new best after which the run ends; null: never"
    )

    @field_validator("metrics", mode="after")
    @classmethod
    def _names_each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name in value if value.count(name) > 1]
        if twice:
            raise ValueError(f"must name each metric once, and names {twice[0]!r} again")
        return value

    @field_validator("best", mode="after")
    @classmethod
    def _is_measured(cls, value: str | None, info: ValidationInfo) -> str | None:
        measured = info.data.get("metrics")
        if value is not None and measured is not None and value not in measured:
            known = f"has {', '.join(measured)}" if measured else "is empty"
            raise ValueError(f"must be one of eval.metrics, which {known}, not {value!r}")
        return value
