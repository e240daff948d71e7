"""Callbacks of a training run: the terminal's display, trackers such as TensorBoard, a test, a notebook."""

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
"""Keys of a metrics record that are not values."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a run.

    Args:
        stage: name of the current stage.
        fade: progress of a fading stage, in [0, 1].
        images: training images shown.
        total: training images of the whole run.
        images_per_second: speed since the last report; 0 if not known yet.
        memory: peak memory in bytes since the last metrics record, of the device on a GPU and of the process elsewhere.
    """

    stage: str
    fade: float
    images: int
    total: int
    images_per_second: float
    memory: int


class Callback:
    """Base class that does nothing; override the methods of interest."""

    def on_progress(self, progress: Progress) -> None:
        """Called several times a second."""

    def on_log(self, record: Mapping[str, Any]) -> None:
        """Called after a record was added to `metrics.jsonl`."""

    def on_timing(self, record: Mapping[str, Any]) -> None:
        """Called after a record was added to `timings.jsonl`, right after `on_log`."""

    def on_save(self, path: Path) -> None:
        """Called after a checkpoint was written."""

    def on_preview(self, path: Path, caption: str) -> None:
        """Called after a preview of the fixed latents or images was written; the caption may be empty."""

    def on_evaluation_start(self) -> None:
        """Called before metrics are computed; training waits."""

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Called after metrics were computed or the collapse detector has run."""

    def on_warning(self, message: str) -> None:
        """Called for a problem that does not stop training."""

    def on_early_stop(self, reason: str) -> None:
        """Called when the run ends before `train.images`, as its recipe asks."""

    def on_rollback(self, reason: str, images: int) -> None:
        """Called after a return to the checkpoint at `images`, because of a non-finite value or a collapse."""


class CallbackList(Callback):
    """Several callbacks, called in order."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = list(callbacks)

    def append(self, callback: Callback) -> None:
        self._callbacks.append(callback)

    def __iter__(self) -> Iterator[Callback]:
        return iter(self._callbacks)

    def on_progress(self, progress: Progress) -> None:
        for callback in self._callbacks:
            callback.on_progress(progress)

    def on_log(self, record: Mapping[str, Any]) -> None:
        for callback in self._callbacks:
            callback.on_log(record)

    def on_timing(self, record: Mapping[str, Any]) -> None:
        for callback in self._callbacks:
            callback.on_timing(record)

    def on_save(self, path: Path) -> None:
        for callback in self._callbacks:
            callback.on_save(path)

    def on_preview(self, path: Path, caption: str) -> None:
        for callback in self._callbacks:
            callback.on_preview(path, caption)

    def on_evaluation_start(self) -> None:
        for callback in self._callbacks:
            callback.on_evaluation_start()

    def on_evaluation(self, evaluation: Evaluation) -> None:
        for callback in self._callbacks:
            callback.on_evaluation(evaluation)

    def on_warning(self, message: str) -> None:
        for callback in self._callbacks:
            callback.on_warning(message)

    def on_early_stop(self, reason: str) -> None:
        for callback in self._callbacks:
            callback.on_early_stop(reason)

    def on_rollback(self, reason: str, images: int) -> None:
        for callback in self._callbacks:
            callback.on_rollback(reason, images)


class Tracking(Callback):
    """Forward a run to trackers, and disable a tracker that raises.

    Args:
        infos: trackers to import and use.
        warn: called with a message when a tracker is disabled.
    """

    def __init__(self, infos: Sequence[TrackerInfo], warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._trackers: dict[str, Tracker] = {}
        for info in infos:
            self._call(info.name, partial(self._create, info))

    def start(self, start: Start) -> None:
        self._call_all(lambda tracker: tracker.started(start))

    def finish(self) -> None:
        self._call_all(lambda tracker: tracker.finished())

    def on_log(self, record: Mapping[str, Any]) -> None:
        values = {name: value for name, value in record.items() if name not in PLACE}
        self._call_all(lambda tracker: tracker.logged(values, images=record["images"], stage=record["stage"]))

    def on_timing(self, record: Mapping[str, Any]) -> None:
        values = {name: value for name, value in record.items() if name not in PLACE}
        self._call_all(lambda tracker: tracker.timed(values, images=record["images"]))

    def on_evaluation(self, evaluation: Evaluation) -> None:
        if evaluation.values:
            self._call_all(lambda tracker: tracker.evaluated(dict(evaluation.values), images=evaluation.images))

    def on_preview(self, path: Path, caption: str) -> None:
        self._call_all(lambda tracker: tracker.previewed(path, images=int(path.stem)))

    def on_rollback(self, reason: str, images: int) -> None:
        self._call_all(lambda tracker: tracker.rolled_back(images=images))

    def _create(self, info: TrackerInfo) -> None:
        self._trackers[info.name] = import_class(info.tracker)()

    def _call_all(self, method: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            self._call(name, partial(method, tracker))

    def _call(self, name: str, call: Callable[[], None]) -> None:
        try:
            call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # third-party code may raise anything, SystemExit included
            self._trackers.pop(name, None)
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._warn(f"tracker {name} failed and is disabled for the rest of this run: {reason}")


@contextmanager
def tracking(infos: Sequence[TrackerInfo], start: Start, warn: Callable[[str], None]) -> Iterator[Tracking]:
    """Start trackers, and finish them when the block ends.

    Args:
        infos: trackers to use.
        start: description of the run.
        warn: called with a message when a tracker is disabled.
    """
    trackers = Tracking(infos, warn)
    trackers.start(start)
    try:
        yield trackers
    finally:
        trackers.finish()
