"""Who watches a run: the terminal's display, a test, a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gancli.engine.evaluation import Evaluation

PLACE = ("images", "step", "stage")
"""What a line of the metrics holds beside its values."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands.

    Args:
        stage: the name of the stage that runs.
        fade: how far a fading stage has come, in [0, 1].
        images: training images shown.
        total: of so many.
        images_per_second: since the last report; 0 where not known yet.
        memory: the peak since the last line of the metrics, in bytes: the device's on a GPU, the process' elsewhere.
    """

    stage: str
    fade: float
    images: int
    total: int
    images_per_second: float
    memory: int


class Listener:
    """Does nothing; subclasses override what they care about."""

    def progressed(self, progress: Progress) -> None:
        """Several times a second."""

    def logged(self, record: Mapping[str, Any]) -> None:
        """A line was added to the metrics."""

    def timed(self, record: Mapping[str, Any]) -> None:
        """A line was added to the timings, right after one was to the metrics."""

    def saved(self, path: Path) -> None:
        """A checkpoint is complete."""

    def previewed(self, path: Path, caption: str) -> None:
        """A picture of the same latents as before was written; the caption says what was measured, if anything."""

    def measuring(self) -> None:
        """Metrics are about to be taken; training waits."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """Metrics were taken, or the guard has looked at the samples."""

    def warned(self, sentence: str) -> None:
        """Something is amiss that does not stop training by itself."""

    def ended_early(self, reason: str) -> None:
        """The run ends before all its images were shown, as its recipe wants it."""

    def rolled_back(self, reason: str, images: int) -> None:
        """A value was not finite, or the samples collapsed; training goes on from the checkpoint at `images`."""


class Several(Listener):
    """Tells several listeners, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def progressed(self, progress: Progress) -> None:
        for listener in self._listeners:
            listener.progressed(progress)

    def logged(self, record: Mapping[str, Any]) -> None:
        for listener in self._listeners:
            listener.logged(record)

    def timed(self, record: Mapping[str, Any]) -> None:
        for listener in self._listeners:
            listener.timed(record)

    def saved(self, path: Path) -> None:
        for listener in self._listeners:
            listener.saved(path)

    def previewed(self, path: Path, caption: str) -> None:
        for listener in self._listeners:
            listener.previewed(path, caption)

    def measuring(self) -> None:
        for listener in self._listeners:
            listener.measuring()

    def evaluated(self, evaluation: Evaluation) -> None:
        for listener in self._listeners:
            listener.evaluated(evaluation)

    def warned(self, sentence: str) -> None:
        for listener in self._listeners:
            listener.warned(sentence)

    def ended_early(self, reason: str) -> None:
        for listener in self._listeners:
            listener.ended_early(reason)

    def rolled_back(self, reason: str, images: int) -> None:
        for listener in self._listeners:
            listener.rolled_back(reason, images)
