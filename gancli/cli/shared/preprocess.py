"""The user's images, brought to size and channels as those of training were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from gancli.cli.display.live import reading
from gancli.cli.shared.input_images import ImageFile
from gancli.errors import DataError
from gancli.inference.model import Model
from gancli.io import decode
from gancli.io.resize import Fit, Size, as_size
from gancli.io.types import Bytes
from gancli.recipes.recipe import load_recipe
from gancli.runs.run import run_of


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What is done to an image, in this order.

    Args:
        channels: 1, 3 or 4.
        size: (height, width) that it is brought to; None: it stays as it is.
        fit: how an image of another shape is.
        crop: the part in the middle that is taken, where training cut parts out at random.
        resolution: that the part is reduced to by means of whole blocks, as for a growing network.
    """

    channels: int
    size: Size | None
    fit: Fit
    crop: Size
    resolution: Size

    def read(self, path: Path) -> Bytes:
        """The image (C, H, W).

        Raises:
            DataError: it cannot be read, or is too small.
        """
        try:
            with decode.open_image(path) as image:
                if image.format == "PNG":
                    image.load()  # since it may say only behind its pixels how it lies
                size = self.size or decode.header(image).size
                pixels = decode.decode(image, size=size, channels=self.channels, fit=self.fit)
        except Exception as error:  # of Pillow's many
            raise DataError(f"{path} cannot be read: {decode.reason(error)}; leave it out or replace it") from None
        return self._reduced(self._cut(pixels, path))

    def read_all(self, files: Sequence[ImageFile]) -> Bytes:
        """Images (N, C, H, W), with a progress bar.

        Raises:
            DataError: one of them cannot be read, or is too small.
        """
        images = np.empty((len(files), self.channels, *self.resolution), dtype=np.uint8)
        with reading("images", "reading") as progress:
            for place, file in enumerate(files):
                images[place] = self.read(file.path)
                progress(place + 1, len(files))
        return images

    def _cut(self, pixels: Bytes, path: Path) -> Bytes:
        (height, width), (down, across) = pixels.shape[1:], self.crop
        if height < down or width < across:
            raise DataError(
                f"{path} has {height}x{width} pixels, and the model was trained on parts of {down}x{across}; leave it "
                "out or enlarge it"
            )
        top, left = (height - down) // 2, (width - across) // 2
        return pixels[:, top : top + down, left : left + across]

    def _reduced(self, pixels: Bytes) -> Bytes:
        if self.resolution == self.crop:
            return pixels
        block = self.crop[0] // self.resolution[0], self.crop[1] // self.resolution[1]
        means = F.avg_pool2d(torch.from_numpy(pixels.astype(np.float64))[None], block)
        return means[0].round().numpy().astype(np.uint8)


def preprocessing(path: Path, model: Model) -> Preprocessing:
    """What the images of a model's training went through, as the recipe of its run says.

    Weights from elsewhere have no recipe: images are cropped in the middle to the model's shape.

    Args:
        path: the run or checkpoint directory that the model comes from.
        model: gives size and channels.
    """
    recipe, spec = run_of(path).recipe, model.family.data
    config = load_recipe(str(recipe)).data if recipe.is_file() else None
    own, stage = (spec.height, spec.width), model.nets.stage
    cropped = config is not None and config.random_crop is not None
    return Preprocessing(
        channels=spec.channels,
        size=as_size(config.resolution) if config is not None and cropped else own,
        fit=config.fit if config is not None else "crop",
        crop=own,
        resolution=(stage.resolution if stage else None) or own,
    )
