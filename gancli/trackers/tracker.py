"""What a tracker is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Start:
    """A run that begins, or goes on.

    Args:
        path: its directory; what a tracker writes belongs into a folder of its own there.
        name: of the run.
        recipe: every option with its value, by section, as in the run's `recipe.yaml`.
        manifest: versions, device, fingerprint of the data and more, as in the run's `manifest.json`.
        images: training images that the networks have seen. Where a run goes on, this is where its checkpoint was
            taken: whatever was tracked of later moments is to be forgotten, since it will be told again.
    """

    path: Path
    name: str
    recipe: Mapping[str, Any]
    manifest: Mapping[str, Any]
    images: int


class Tracker:
    """Does nothing; subclasses override what they care about.

    Made without arguments, once for a training. Training waits for every call, so a call that takes long should leave
    its work to a thread. What a tracker raises never stops a run: it is reported in a sentence, and the tracker hears
    no more.
    """

    def started(self, start: Start) -> None:
        """Before the first step."""

    def logged(self, values: Mapping[str, float], *, images: int, stage: str) -> None:
        """The means of every loss term and observed value since the last time, by names such as
        `generator/adversarial`; every `train.log_every` images.
        """

    def timed(self, values: Mapping[str, float], *, images: int) -> None:
        """As often, what no two runs agree on: `seconds`, `images_per_second` and `peak_memory_bytes`."""

    def evaluated(self, values: Mapping[str, float], *, images: int) -> None:
        """Metrics were taken: the leading value of each, by its name."""

    def previewed(self, picture: Path, *, images: int) -> None:
        """A PNG of the same latents, or of the same images to translate or enlarge, as ever before."""

    def rolled_back(self, *, images: int) -> None:
        """The run went back to a checkpoint at `images`; what was tracked of later moments is to be forgotten."""

    def finished(self) -> None:
        """The run ended, was interrupted or failed; nothing follows."""
