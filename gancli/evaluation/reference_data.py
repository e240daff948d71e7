"""The data that a model is held against, at its resolution and channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property

from gancli.data.dataset import open_dataset, open_whole
from gancli.data.ragged import VariableSizeImages
from gancli.data.resolutions import build_levels
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.io.resize import Size
from gancli.io.types import Progress
from gancli.metrics.context import FullSizeSplit
from gancli.recipes.options import SourceConfig

Reading = Callable[[str], AbstractContextManager[Progress | None]]
"""Opened while the source of this name is read; what it gives is told how far that is."""


@contextmanager
def _unseen(source: str) -> Iterator[None]:
    yield None


class ModelData:
    """The splits of a data set at a model's resolution and channels, each read when it is first wanted.

    Args:
        config: the options of the data.
        spec: of what the model was trained on.
        resolution: (height, width) that a growing model has come to, of which the data's is a multiple; None: the
            data's.
        split: of which images are taken as they are.
        reading: who watches while they are read; nobody, if left out.

    Attributes:
        source: the name of the data source.
        limit: how many images of the training split are training images; None: all.
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
        reading: Reading = _unseen,
    ) -> None:
        self.source = config.source
        self.trained_on = trained_on
        self.limit, self._split = config.limit, split
        self._reading = reading
        self._spec = spec
        self._resolution = resolution or (spec.height, spec.width)
        shape: dict[str, object] = {} if spec.kind == "points" else {"resolution": (spec.height, spec.width)}
        if spec.kind == "image" and not spec.channels_of:  # the sides of pairs may have other channels each
            shape["channels"] = spec.channels
        self._config = config.model_copy(update={**shape, "random_crop": None, "limit": None})

    @property
    def resize(self) -> str | None:
        """How images that are not taken as they are come to the model's size; None of points, which have none."""
        if self._spec.kind == "points":
            return None
        (height, width), own = self._resolution, (self._spec.height, self._spec.width)
        averaged = "" if own == self._resolution else f", averaged to {height}x{width}"
        return f"{self._config.fit} to {own[0]}x{own[1]}, bicubic{averaged}"

    @cached_property
    def train(self) -> PackedDataset:
        """The training split, up to the limit of its options; of unpaired domains, of each."""
        return _part(self._training, slice(self.limit))

    @cached_property
    def held_out(self) -> PackedDataset:
        """The training split beyond that limit.

        Raises:
            DataError: there is nothing beyond it.
        """
        if self.limit is None or self.limit >= self._training.count:
            raise DataError(
                f"no training images of {self.source!r} were held out; train with --set data.limit=N, which leaves out "
                "those after the first N, or name other data with --data"
            )
        return _part(self._training, slice(self.limit, None))

    @cached_property
    def test(self) -> PackedDataset:
        """The whole test split.

        Raises:
            DataError: there is none.
        """
        return self._read("test")

    @cached_property
    def every_class(self) -> PackedDataset:
        """The whole test split with all its labels, also of classes that the options leave out.

        Raises:
            DataError: there is none.
        """
        return self._read("test", classes=None)

    @cached_property
    def whole(self) -> FullSizeSplit:
        """The images as they are, each at its own size: the test split, or what was named instead of it.

        Raises:
            DataError: there are none, or the source has them at one size only.
        """
        config = self._config.model_copy(update={"split": self._split})
        with self._reading(self.source) as progress:
            return FullSizeSplit(split=self._split, parts=open_whole(config, progress=progress))

    @cached_property
    def _training(self) -> PackedDataset:
        return self._read("train")

    def _read(self, split: str, **changed: object) -> PackedDataset:
        with self._reading(self.source) as progress:
            packed = open_dataset(self._config.model_copy(update={"split": split, **changed}), progress=progress)
            if _shapes(packed.spec) != _shapes(self._spec):
                raise DataError(
                    f"{self.source!r} holds {_shapes_text(packed.spec)}, and the model was trained on "
                    f"{_shapes_text(self._spec)}; name other data with --data"
                )
            # The very images that the stage was trained on, not those that the source would make at that size.
            level = build_levels(packed, {self._resolution}, progress)[self._resolution]
        reduced = {key: images for key, images in level.items() if not isinstance(images, VariableSizeImages)}
        height, width = self._resolution
        return replace(
            packed, arrays={**packed.arrays, **reduced}, spec=replace(packed.spec, height=height, width=width)
        )


def _shapes(spec: DataSpec) -> tuple[str, dict[str, tuple[int, int, int]]]:
    return spec.kind, {key: spec.shape_of(key) for key in spec.image_keys}


def _shapes_text(spec: DataSpec) -> str:
    if not spec.channels_of:
        return spec.described
    shapes = {key: "x".join(map(str, spec.shape_of(key))) for key in spec.image_keys}
    return ", ".join(f"{key} images of {shape}" for key, shape in shapes.items())


def _part(packed: PackedDataset, rows: slice) -> PackedDataset:
    return replace(packed, arrays={key: array[rows] for key, array in packed.arrays.items()})
