"""Reference data of an evaluation: the splits of a dataset at the resolution and channels of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property

from gancli.data.dataset import open_dataset, open_full_size
from gancli.data.resolutions import build_levels
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError
from gancli.io.resize import Size
from gancli.io.types import Progress
from gancli.metrics.context import FullSizeSplit
from gancli.recipes.options import SourceConfig

OpenProgress = Callable[[str], AbstractContextManager[Progress | None]]
"""Returns a context manager for reading the source of this name; its value is called with the progress."""


@contextmanager
def _no_progress(source: str) -> Iterator[None]:
    yield None


class ReferenceData:
    """The splits of a dataset at a model's resolution and channels, each read on first use.

    Args:
        config: options of the data.
        spec: spec of the data that the model was trained on.
        resolution: current (height, width) of a growing model, a divisor of the data's; None: the data's.
        split: split to read at full size.
        open_progress: opens a progress display for reading a source (default: no display).

    Attributes:
        source: name of the data source.
        limit: number of images of the training split that are training images; None: all.
        trained_on: source and split that the model was trained on, if its run says so. A model trained on `all` has
            seen the test images, but not necessarily their labels.
    """

    def __init__(
        self,
        config: SourceConfig,
        spec: DataSpec,
        *,
        resolution: Size | None = None,
        trained_on: str | None,
        split: str = "test",
        open_progress: OpenProgress = _no_progress,
    ) -> None:
        self.source = config.source
        self.trained_on = trained_on
        self.limit, self._split = config.limit, split
        self._open_progress = open_progress
        self._spec = spec
        self._resolution = resolution or (spec.height, spec.width)
        shape: dict[str, object] = {} if spec.kind == "points" else {"resolution": (spec.height, spec.width)}
        if spec.kind == "image" and not spec.channels_of:  # both images of a pair may have other channels
            shape["channels"] = spec.channels
        self._config = config.model_copy(update={**shape, "random_crop": None, "limit": None})

    @property
    def resize(self) -> str | None:
        """Description of how images are resized to the model's size; None for points, which have no size."""
        if self._spec.kind == "points":
            return None
        (height, width), full = self._resolution, (self._spec.height, self._spec.width)
        averaged = "" if full == self._resolution else f", averaged to {height}x{width}"
        return f"{self._config.fit} to {full[0]}x{full[1]}, bicubic{averaged}"

    @cached_property
    def train(self) -> PackedDataset:
        """The training split up to `limit`, which applies to each of two unpaired domains."""
        return _part(self._training_split, slice(self.limit))

    @cached_property
    def held_out(self) -> PackedDataset:
        """The images of the training split beyond `limit`.

        Raises:
            DataError: there are none.
        """
        if self.limit is None or self.limit >= self._training_split.count:
            raise DataError(
                f"no training images of {self.source!r} were held out; train with --set data.limit=N, which holds out "
                "those after the first N, or use other data with --data"
            )
        return _part(self._training_split, slice(self.limit, None))

    @cached_property
    def test(self) -> PackedDataset:
        """The test split.

        Raises:
            DataError: there is none.
        """
        return self._read("test")

    @cached_property
    def every_class(self) -> PackedDataset:
        """The test split with all its labels, including classes that the options exclude.

        Raises:
            DataError: there is none.
        """
        return self._read("test", classes=None)

    @cached_property
    def full_size(self) -> FullSizeSplit:
        """The images at their original sizes: the test split, or the split that was selected instead.

        Raises:
            DataError: there are none, or the source has only one size.
        """
        config = self._config.model_copy(update={"split": self._split})
        with self._open_progress(self.source) as progress:
            return FullSizeSplit(split=self._split, parts=open_full_size(config, progress=progress))

    @cached_property
    def _training_split(self) -> PackedDataset:
        return self._read("train")

    def _read(self, split: str, **changes: object) -> PackedDataset:
        with self._open_progress(self.source) as progress:
            packed = open_dataset(self._config.model_copy(update={"split": split, **changes}), progress=progress)
            if _shapes(packed.spec) != _shapes(self._spec):
                raise DataError(
                    f"{self.source!r} contains {_shapes_text(packed.spec)}, and the model was trained on "
                    f"{_shapes_text(self._spec)}; use other data with --data"
                )
            # The same images that the stage was trained on, not the source's own images at that size.
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
