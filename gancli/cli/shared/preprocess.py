"""Reading of input images: as they are, or cropped and resized as for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.cli.display.progress import progress_bar
from gancli.cli.shared.input_images import ImageFile
from gancli.errors import DataError
from gancli.inference.model import Model
from gancli.io import decode
from gancli.io.images import normalize
from gancli.io.resize import Fit, Size, as_size
from gancli.io.types import Bytes
from gancli.recipes.recipe import load_recipe
from gancli.runs.run import run_of
from gancli.runtime.memory import free


def decode_image(path: Path, *, channels: int, size: Size | None = None, fit: Fit = "crop") -> Bytes:
    """Decode an image (channels, H, W), upright. Colour becomes grey by its luma.

    Args:
        path: image file.
        channels: 1, 3 or 4.
        size: (height, width) of the result (default: that of the file).
        fit: adaptation to another aspect ratio, as in `data.fit` of recipes.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            if image.format == "PNG":
                image.load()  # the orientation may come after the pixels
            return decode.decode(image, size=size or decode.header(image).size, channels=channels, fit=fit)
    except Exception as error:  # Pillow raises many kinds
        raise DataError(f"{path} cannot be read: {decode.reason(error)}; leave it out or replace it") from None


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
    """

    channels: int
    size: Size | None
    fit: Fit
    crop: Size
    resolution: Size

    def read(self, path: Path) -> Bytes:
        """Read an image (C, H, W).

        Raises:
            DataError: the file cannot be read, or the image is too small.
        """
        pixels = decode_image(path, channels=self.channels, size=self.size, fit=self.fit)
        return self._reduce(self._crop(pixels, path))

    def read_all(self, files: Sequence[ImageFile]) -> Bytes:
        """Read images (N, C, H, W) and show a progress bar.

        Raises:
            DataError: a file cannot be read, or an image is too small.
        """
        images = np.empty((len(files), self.channels, *self.resolution), dtype=np.uint8)
        with progress_bar("images", "reading") as progress:
            for index, file in enumerate(files):
                images[index] = self.read(file.path)
                progress(index + 1, len(files))
        return images

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


def preprocessing_of(path: Path, model: Model) -> Preprocessing:
    """Return the preprocessing of a model's training images, as its recipe defines it.

    Imported weights have no recipe: their images are cropped in the middle to the shape of the model.

    Args:
        path: run or checkpoint directory of the model.
        model: model that defines size and channels.
    """
    recipe, spec = run_of(path).recipe, model.family.data
    config = load_recipe(str(recipe)).data if recipe.is_file() else None
    shape, stage = (spec.height, spec.width), model.nets.stage
    random_crop = config is not None and config.random_crop is not None
    return Preprocessing(
        channels=spec.channels,
        size=as_size(config.resolution) if config is not None and random_crop else shape,
        fit=config.fit if config is not None else "crop",
        crop=shape,
        resolution=(stage.resolution if stage else None) or shape,
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
