"""The data that a trained model is held against: as `--data` names it, or else what its run was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from gancli.commands.data_target import find_data
from gancli.commands.display import reading
from gancli.data.dataset import open_dataset, open_whole
from gancli.data.pyramid import build_levels
from gancli.data.ragged import Ragged
from gancli.data.resizing import Size
from gancli.data.source import Packed
from gancli.engine.model import Model
from gancli.errors import DataError, UsageError
from gancli.family import DataSpec
from gancli.metrics.subject import Whole
from gancli.recipe import SourceConfig, load_recipe
from gancli.run import run_of


class ModelData:
    """The splits of a data set at a model's resolution and channels, each read when it is first wanted.

    Args:
        config: the options of the data.
        spec: of what the model was trained on.
        resolution: (height, width) that a growing model has come to, of which the data's is a multiple; None: the
            data's.
        split: of which images are taken as they are.

    Attributes:
        source: the name of the data source.
        trained_on: source and split that the model was trained on, where its run says so. After training on `all`, a
            model has seen the test images, if not their labels.
    """

    def __init__(
        self,
        config: SourceConfig,
        spec: DataSpec,
        *,
        resolution: Size | None = None,
        trained_on: str | None,
        split: str = "test",
    ) -> None:
        self.source = config.source
        self.trained_on = trained_on
        self._limit, self._split = config.limit, split
        self._spec = spec
        self._resolution = resolution or (spec.height, spec.width)
        shape: dict[str, object] = {} if spec.kind == "points" else {"resolution": (spec.height, spec.width)}
        if spec.kind == "image" and not spec.channels_of:  # the sides of pairs may have other channels each
            shape["channels"] = spec.channels
        self._config = config.model_copy(update={**shape, "random_crop": None, "limit": None})

    @cached_property
    def train(self) -> Packed:
        """The training split, up to the limit of its options; of unpaired domains, of each."""
        return _part(self._training, slice(self._limit))

    @cached_property
    def held_out(self) -> Packed:
        """The training split beyond that limit.

        Raises:
            DataError: there is nothing beyond it.
        """
        if self._limit is None or self._limit >= self._training.count:
            raise DataError(
                f"no training images of {self.source!r} were held out; train with --set data.limit=N, which leaves out "
                "those after the first N, or name other data with --data"
            )
        return _part(self._training, slice(self._limit, None))

    @cached_property
    def test(self) -> Packed:
        """The whole test split.

        Raises:
            DataError: there is none.
        """
        return self._read("test")

    @cached_property
    def every_class(self) -> Packed:
        """The whole test split with all its labels, also of classes that the options leave out.

        Raises:
            DataError: there is none.
        """
        return self._read("test", classes=None)

    @cached_property
    def whole(self) -> Whole:
        """The images as they are, each at its own size: the test split, or what was named instead of it.

        Raises:
            DataError: there are none, or the source has them at one size only.
        """
        config = self._config.model_copy(update={"split": self._split})
        with reading(self.source) as progress:
            return Whole(split=self._split, parts=open_whole(config, progress=progress))

    @cached_property
    def _training(self) -> Packed:
        return self._read("train")

    def _read(self, split: str, **changed: object) -> Packed:
        with reading(self.source) as progress:
            packed = open_dataset(self._config.model_copy(update={"split": split, **changed}), progress=progress)
            if _shapes(packed.spec) != _shapes(self._spec):
                raise DataError(
                    f"{self.source!r} holds {_told(packed.spec)}, and the model was trained on {_told(self._spec)}; "
                    "name other data with --data"
                )
            # The very images that the stage was trained on, not those that the source would make at that size.
            level = build_levels(packed, {self._resolution}, progress)[self._resolution]
        reduced = {key: images for key, images in level.items() if not isinstance(images, Ragged)}
        height, width = self._resolution
        return replace(
            packed, arrays={**packed.arrays, **reduced}, spec=replace(packed.spec, height=height, width=width)
        )


def data_of(path: Path, model: Model, target: str | None, overrides: Sequence[str]) -> ModelData:
    """The data to hold a model against.

    Args:
        path: the run or checkpoint directory that the model comes from.
        model: gives the shape.
        target: as `gan data check` takes it; None: what the run was trained on.
        overrides: as `--set` takes them.

    Raises:
        UsageError: there is no such data, the options are wrong, or the run does not say what it was trained on.
    """
    recipe = run_of(path).recipe
    own = load_recipe(str(recipe)).data if recipe.is_file() else None
    if target is not None:
        config = find_data(target, list(overrides))[0]
    elif own is not None:
        config = load_recipe(str(recipe), overrides).data
    else:
        raise UsageError(f"{path} has no recipe that would say what it was trained on; name the data with --data")
    stage = model.nets.stage
    return ModelData(
        config,
        model.family.data,
        resolution=stage.resolution if stage else None,
        trained_on=f"{own.source} {own.split}" if own else None,
        # A folder or a source that is named is meant as a whole, where no split of it is asked for.
        split=config.split if target is not None and "split" in config.model_fields_set else "test",
    )


def _shapes(spec: DataSpec) -> tuple[str, dict[str, tuple[int, int, int]]]:
    return spec.kind, {key: spec.shape_of(key) for key in spec.image_keys}


def _told(spec: DataSpec) -> str:
    if not spec.channels_of:
        return spec.described
    shapes = {key: "x".join(map(str, spec.shape_of(key))) for key in spec.image_keys}
    return ", ".join(f"{key} images of {shape}" for key, shape in shapes.items())


def _part(packed: Packed, rows: slice) -> Packed:
    return replace(packed, arrays={key: array[rows] for key, array in packed.arrays.items()})
