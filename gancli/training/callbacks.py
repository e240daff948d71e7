"""Who watches a run: the terminal's display, a test, a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.plugins.hookspecs import TrackerInfo
from gancli.plugins.registry import import_class
from gancli.trackers.tracker import Start, Tracker

if TYPE_CHECKING:
    from gancli.training.validation import Evaluation


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


class Callback:
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


class CallbackList(Callback):
    """Tells several listeners, in their order."""

    def __init__(self, *listeners: Callback) -> None:
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


class Tracking(Callback):
    """Passes on what trackers are for, and drops the ones that raise.

    Args:
        infos: which trackers; each is imported here.
        warn: told in a sentence of a tracker that is dropped.
    """

    def __init__(self, infos: Sequence[TrackerInfo], warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._trackers: dict[str, Tracker] = {}
        for info in infos:
            self._guarded(info.name, partial(self._make, info))

    def start(self, start: Start) -> None:
        self._tell(lambda tracker: tracker.started(start))

    def finish(self) -> None:
        self._tell(lambda tracker: tracker.finished())

    def logged(self, record: Mapping[str, Any]) -> None:
        values = {name: value for name, value in record.items() if name not in PLACE}
        self._tell(lambda tracker: tracker.logged(values, images=record["images"], stage=record["stage"]))

    def timed(self, record: Mapping[str, Any]) -> None:
        values = {name: value for name, value in record.items() if name not in PLACE}
        self._tell(lambda tracker: tracker.timed(values, images=record["images"]))

    def evaluated(self, evaluation: Evaluation) -> None:
        if evaluation.values:
            self._tell(lambda tracker: tracker.evaluated(dict(evaluation.values), images=evaluation.images))

    def previewed(self, path: Path, caption: str) -> None:
        self._tell(lambda tracker: tracker.previewed(path, images=int(path.stem)))

    def rolled_back(self, reason: str, images: int) -> None:
        self._tell(lambda tracker: tracker.rolled_back(images=images))

    def _make(self, info: TrackerInfo) -> None:
        self._trackers[info.name] = import_class(info.tracker)()

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            self._guarded(name, partial(what, tracker))

    def _guarded(self, name: str, call: Callable[[], None]) -> None:
        try:
            call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a stranger's code may raise anything, SystemExit included
            self._trackers.pop(name, None)
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._warn(f"the tracker {name} has failed and hears no more of this run: {reason}")


@contextmanager
def tracking(infos: Sequence[TrackerInfo], start: Start, listener: Callback) -> Iterator[Callback]:
    """A listener that tells both the given one and the trackers, from the start of a training to its end."""
    tracked = Tracking(infos, listener.warned)
    tracked.start(start)
    try:
        yield CallbackList(listener, tracked)
    finally:
        tracked.finish()
