"""Reading of input images: as they are, or cropped and resized as for training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.cli.display.progress import progress_bar
from gancli.cli.shared.input_images import ImageFile, InputReport
from gancli.errors import DataError
from gancli.inference.model import Model
from gancli.io import decode
from gancli.io.images import normalize
from gancli.io.resize import Fit, Size, as_size
from gancli.io.types import Bytes
from gancli.recipes.recipe import load_recipe
from gancli.runs.run import run_of
from gancli.runtime.memory import free


def decode_image(
    path: Path,
    *,
    channels: int,
    size: Size | None = None,
    fit: Fit = "crop",
    span: decode.Range = "full",
    remark: Callable[[Sequence[str]], None] = lambda _: None,
) -> Bytes:
    """Decode an image (channels, H, W), upright. Colour becomes grey by its luma.

    Args:
        path: image file.
        channels: 1, 3 or 4.
        size: (height, width) of the result (default: that of the file).
        fit: adaptation to another aspect ratio, as in `data.fit` of recipes.
        span: values of more than 8 bits that become black and white, as in `data.range` of recipes.
        remark: called with clauses about the image.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            if image.format == "PNG":
                image.load()  # the orientation may come after the pixels
            size = size or decode.header(image).size
            pixels = decode.decode(image, size=size, channels=channels, fit=fit, span=span)
            remark([clause for clause in decode.remarks(image) if span == "full" or "65535" not in clause])
            return pixels
    except Exception as error:  # Pillow raises many kinds
        raise decode.UnreadableImageError(path, error) from None


def to_tensor(pixels: Bytes) -> Tensor:
    """Convert an image (C, H, W) of bytes to a batch (1, C, H, W) of numbers in [-1, 1]."""
    return normalize(torch.from_numpy(pixels.copy()))[None]


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Steps that turn an image file into an image of the size and channels of training, in this order.

    Args:
        channels: 1, 3 or 4.
        size: (height, width) to resize to (default: keep the size).
        fit: adaptation to another aspect ratio.
        crop: (height, width) of the centre crop; training crops at random.
        resolution: (height, width) to reduce the crop to, by means over blocks, as for a growing network.
        span: values of more than 8 bits that become black and white.
    """

    channels: int
    size: Size | None
    fit: Fit
    crop: Size
    resolution: Size
    span: decode.Range = "full"

    def read(self, path: Path, remark: Callable[[Sequence[str]], None] = lambda _: None) -> Bytes:
        """Read an image (C, H, W).

        Raises:
            DataError: the file cannot be read, or the image is too small.
        """
        pixels = decode_image(path, channels=self.channels, size=self.size, fit=self.fit, span=self.span, remark=remark)
        return self._reduce(self._crop(pixels, path))

    def read_all(self, files: Sequence[ImageFile], report: InputReport) -> tuple[Bytes, list[int]]:
        """Read images and show a progress bar.

        Args:
            files: image files.
            report: takes the files that cannot be read or are too small.

        Returns:
            The images (N, C, H, W) that were read, and their indices in `files`.

        Raises:
            DataError: nothing could be read, or `report` raises the first error.
        """
        images = np.empty((len(files), self.channels, *self.resolution), dtype=np.uint8)
        kept: list[int] = []
        with progress_bar("images", "reading") as progress:
            for index, file in enumerate(files):
                try:
                    images[len(kept)] = self.read(file.path, partial(report.remark, file))
                    kept.append(index)
                except DataError as error:
                    report.leave_out(file, error)
                progress(index + 1, len(files))
        if not kept:
            report.raise_left_out()
        return images[: len(kept)], kept

    def _crop(self, pixels: Bytes, path: Path) -> Bytes:
        (height, width), (crop_height, crop_width) = pixels.shape[1:], self.crop
        if height < crop_height or width < crop_width:
            raise DataError(
                f"{path} has {height}x{width} pixels, and the model was trained on crops of "
                f"{crop_height}x{crop_width}; leave it out or enlarge it"
            )
        top, left = (height - crop_height) // 2, (width - crop_width) // 2
        return pixels[:, top : top + crop_height, left : left + crop_width]

    def _reduce(self, pixels: Bytes) -> Bytes:
        if self.resolution == self.crop:
            return pixels
        block = self.crop[0] // self.resolution[0], self.crop[1] // self.resolution[1]
        means = F.avg_pool2d(torch.from_numpy(pixels.astype(np.float64))[None], block)
        return means[0].round().numpy().astype(np.uint8)


def preprocessing_of(path: Path, model: Model, span: decode.Range | None = None) -> Preprocessing:
    """Return the preprocessing of a model's training images, as its recipe defines it.

    Imported weights have no recipe: their images are cropped in the middle to the shape of the model.

    Args:
        path: run or checkpoint directory of the model.
        model: model that defines size and channels.
        span: values that become black and white (default: those of the recipe).
    """
    run, spec = run_of(path), model.family.data
    config = load_recipe(str(run.recipe)).data if run.has_recipe() else None
    recipe_span: decode.Range = getattr(config, "range", "full")
    shape, stage = (spec.height, spec.width), model.nets.stage
    random_crop = config is not None and config.random_crop is not None
    return Preprocessing(
        channels=spec.channels,
        size=as_size(config.resolution) if config is not None and random_crop else shape,
        fit=config.fit if config is not None else "crop",
        crop=shape,
        resolution=(stage.resolution if stage else None) or shape,
        span=recipe_span if span is None else span,
    )


def check_memory(needed: int, *, subject: str, advice: str) -> None:
    """Check that main memory has `needed` free bytes.

    Args:
        needed: number of bytes.
        subject: beginning of the error message: "heat maps of 10 images need".
        advice: end of the error message.

    Raises:
        DataError: there is less free memory.
    """
    left = free(torch.device("cpu"))
    if left is not None and needed > left:
        raise DataError(f"{subject} {needed / 1e9:.1f} GB of memory, and {left / 1e9:.1f} GB are free; {advice}")
