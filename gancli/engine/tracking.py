"""Trackers told of a run, so that none of them can stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.engine.listener import PLACE, Listener, Several
from gancli.hookspecs import TrackerInfo
from gancli.plugins import import_class
from gancli.trackers import Start, Tracker

if TYPE_CHECKING:
    from gancli.engine.evaluation import Evaluation


class Tracking(Listener):
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
def tracking(infos: Sequence[TrackerInfo], start: Start, listener: Listener) -> Iterator[Listener]:
    """A listener that tells both the given one and the trackers, from the start of a training to its end."""
    tracked = Tracking(infos, listener.warned)
    tracked.start(start)
    try:
        yield Several(listener, tracked)
    finally:
        tracked.finish()
