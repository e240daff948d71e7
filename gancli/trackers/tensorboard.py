"""Event files for TensorBoard; `tensorboard --logdir runs` shows all tracked runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gancli.recipes.yaml import write
from gancli.trackers.tracker import Start, Tracker

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


FOLDER = "tensorboard"


class TensorBoard(Tracker):
    """Write event files to `tensorboard/` in the run directory; steps are training images."""

    def started(self, start: Start) -> None:
        self._folder = start.path / FOLDER
        self._open(start.images)
        self._writer.add_text("recipe", f"```yaml\n{write(start.recipe)}```", start.images)

    def logged(self, values: Mapping[str, float], *, images: int, stage: str) -> None:
        self._add("", values, images)

    def timed(self, values: Mapping[str, float], *, images: int) -> None:
        self._add("run/", {name: value for name, value in values.items() if name != "seconds"}, images)

    def evaluated(self, values: Mapping[str, float], *, images: int) -> None:
        self._add("metrics/", values, images)

    def previewed(self, path: Path, *, images: int) -> None:
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        self._writer.add_image("samples", pixels, images, dataformats="HWC")

    def rolled_back(self, *, images: int) -> None:
        self._writer.close()
        self._open(images)

    def finished(self) -> None:
        self._writer.close()

    def _open(self, images: int) -> None:
        """Open a new event file that makes TensorBoard hide later values of earlier event files."""
        from torch.utils.tensorboard import SummaryWriter

        # At a checkpoint everything up to it has been logged already, at the beginning nothing has.
        self._writer: SummaryWriter = SummaryWriter(str(self._folder), purge_step=images + 1 if images else 0)

    def _add(self, prefix: str, values: Mapping[str, float], images: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"{prefix}{name}", value, images)
        self._writer.flush()
