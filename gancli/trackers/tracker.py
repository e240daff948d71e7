"""The interface of experiment trackers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Start:
    """A run that begins or resumes.

    Args:
        path: run directory; trackers write to a subdirectory of their own.
        name: name of the run.
        recipe: every option with its value, by section, as in the run's `recipe.yaml`.
        manifest: versions, device, fingerprint of the data and more, as in the run's `manifest.json`.
        images: number of training images shown; in a resumed run, the position of its checkpoint. Discard anything
            logged after it, because it will be logged again.
    """

    path: Path
    name: str
    recipe: Mapping[str, Any]
    manifest: Mapping[str, Any]
    images: int


class Tracker:
    """Base of trackers; its methods do nothing.

    Created without arguments, once per training. Training waits for every call, so slow work belongs in a thread. An
    exception never stops a run: it is reported, and the tracker is disabled for the rest of the run.
    """

    def started(self, start: Start) -> None:
        """Called before the first step."""

    def logged(self, values: Mapping[str, float], *, images: int, stage: str) -> None:
        """Called every `train.log_every` images, with the means of loss terms and logged values since the last call, by
        names such as `generator/adversarial`.
        """

    def timed(self, values: Mapping[str, float], *, images: int) -> None:
        """Called after `logged`, with values that differ from run to run: `seconds`, `images_per_second` and
        `peak_memory_bytes`.
        """

    def evaluated(self, values: Mapping[str, float], *, images: int) -> None:
        """Called after an evaluation, with the most important value of each metric, by its name."""

    def previewed(self, path: Path, *, images: int) -> None:
        """Called with a PNG of samples: the same latents, or the same translated or upscaled images, each time."""

    def rolled_back(self, *, images: int) -> None:
        """Called when the run has returned to a checkpoint at `images`. Discard anything logged after it."""

    def finished(self) -> None:
        """Called last, when the run has ended, was interrupted or failed."""
