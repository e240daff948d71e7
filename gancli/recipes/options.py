"""Options of recipes and their defaults, with a description of every option. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Side = Annotated[int, Field(gt=0)]


class Options(BaseModel):
    """A section of a recipe: strict and frozen, without unknown options, with `~` in paths expanded.

    Recipes are validated as JSON, where pydantic's strict mode accepts a list for a tuple and text for a path, but
    neither "64" nor true for a whole number. In Python, pass tuples for lists and `Path`s for paths.
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
    """The `model:` section of a recipe; families subclass it, with a default and a description for every option."""


class SourceConfig(Options):
    """The `data:` section of a recipe; data sources with more options subclass it.

    Paths are relative to the current working directory, not to the recipe.
    """

    source: str = Field(description="name of the data source; `gan data ls` lists them")
    resolution: Side | tuple[Side, Side] | None = Field(
        default=None, description="side of the square images in pixels, or [height, width]; null: the source's own size"
    )
    channels: Literal[1, 3, 4] | None = Field(
        default=None, description="number of channels: 1 grey, 3 colour, 4 colour with opacity; null: the source's own"
    )
    split: Literal["train", "test", "all"] = Field(default="train", description="part of the source to use")
    classes: tuple[str | int, ...] | None = Field(
        default=None, min_length=1, description="names or numbers of the labels to use; null: all"
    )
    limit: int | None = Field(default=None, gt=0, description="maximum number of images; null: all")
    random_crop: Side | tuple[Side, Side] | None = Field(
        default=None,
        description="side in pixels, or [height, width], of a random crop that is cut from an image each time it is "
        "used; null: the whole image",
    )
    flip: bool = Field(default=False, description="flip each image horizontally with probability 1/2")
    fit: Literal["crop", "stretch"] = Field(
        default="crop", description="way to bring images of another aspect ratio to the resolution"
    )

    @field_validator("random_crop", mode="after")
    @classmethod
    def _check_crop(cls, value: Any, info: ValidationInfo) -> Any:
        resolution = info.data.get("resolution")
        if value is None or resolution is None:
            return value
        height, width = resolution if isinstance(resolution, tuple) else (resolution, resolution)
        crop_height, crop_width = value if isinstance(value, tuple) else (value, value)
        if crop_height > height or crop_width > width:
            raise ValueError(f"must fit into data.resolution ({height}x{width}), not {crop_height}x{crop_width}")
        return value


class TrainConfig(Options):
    """The `train:` section of a recipe. Lengths are in training images, whatever the batch size."""

    images: int | None = Field(
        default=None,
        gt=0,
        description="number of training images of the run; only a maximum if the family's stages have fixed lengths",
    )
    batch_size: int = Field(default=64, gt=0, description="number of images in a batch")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="seed of all random numbers")
    accumulate: int = Field(default=1, gt=0, description="number of micro-batches in a batch; divides batch_size")
    precision: Literal["auto", "fp32", "bf16"] = Field(default="auto", description="precision of the networks")
    memory_format: Literal["auto", "contiguous", "channels_last"] = Field(
        default="auto", description="memory format of the networks; auto: channels_last if they have convolutions"
    )
    ema: float | None = Field(
        default=None, ge=0, lt=1, description="decay of the averaged weights (EMA); null: the family's, 0: no averaging"
    )
    schedule: Literal["constant", "linear"] | None = Field(
        default=None, description="schedule of the learning rates; null: the family's"
    )
    decay_from: float = Field(
        default=0.5, ge=0, le=1, description="fraction of the run after which the linear schedule decays to zero"
    )
    warmup: int = Field(default=0, ge=0, description="number of images over which the learning rates rise from zero")
    clip_grad: float | None = Field(default=None, gt=0, description="maximum gradient norm of a player; null: no limit")
    log_every: int = Field(default=2_000, gt=0, description="number of images between lines of metrics.jsonl")
    preview_every: int = Field(default=20_000, gt=0, description="number of images between sample sheets")
    checkpoint_every: int = Field(default=20_000, gt=0, description="number of images between checkpoints")
    keep: int = Field(default=2, ge=1, description="number of checkpoints to keep")
    deterministic: bool = Field(default=False, description="bit-for-bit reproducible results; slower on a GPU")
    compile: bool = Field(default=False, description="compile the networks; slow to start, worthwhile only on a GPU")

    @field_validator("accumulate", mode="after")
    @classmethod
    def _check_accumulate(cls, value: int, info: ValidationInfo) -> int:
        batch_size = info.data.get("batch_size", value)
        if batch_size % value:
            raise ValueError(f"must divide batch_size ({batch_size}), not {value}")
        return value


class EvalConfig(Options):
    """The `eval:` section of a recipe: evaluation during training, and its consequences.

    Evaluation does not influence training, unless `guard` or `patience` ends a run or `guard` rolls it back.
    """

    every: int | None = Field(
        default=None, gt=0, description="number of images between evaluations; null: a tenth of the run"
    )
    metrics: tuple[str, ...] = Field(
        default=(), description="metrics to measure, as in `gan eval --metrics`; the guard needs none"
    )
    samples: int = Field(default=500, ge=2, description="number of samples for a metric; published values use more")
    best: str | None = Field(
        default=None,
        description="metric whose best checkpoint is kept in addition to the last ones; null: the first of metrics for "
        "which high or low values are better",
    )
    guard: Literal["off", "warn", "stop", "rollback"] = Field(
        default="warn",
        description="action if the samples have collapsed in two evaluations in a row: warn, stop the run, or roll "
        "back once to an earlier checkpoint and continue with other noise",
    )
    floor: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="fraction of the data's diversity below which samples have collapsed",
    )
    patience: int | None = Field(
        default=None,
        gt=0,
        description="number of evaluations without a new best after which the run ends; null: never",
    )

    @field_validator("metrics", mode="after")
    @classmethod
    def _check_metrics(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        repeated = [name for name in value if value.count(name) > 1]
        if repeated:
            raise ValueError(f"must name each metric once; remove the second {repeated[0]!r}")
        return value

    @field_validator("best", mode="after")
    @classmethod
    def _check_best(cls, value: str | None, info: ValidationInfo) -> str | None:
        measured = info.data.get("metrics")
        if value is not None and measured is not None and value not in measured:
            known = f"has {', '.join(measured)}" if measured else "is empty"
            raise ValueError(f"must be one of eval.metrics, which {known}, not {value!r}")
        return value
