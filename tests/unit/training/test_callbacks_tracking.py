"""Trackers receive all events in order, and a failing tracker cannot stop a run."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from gancli.plugins.hookspecs import TrackerInfo
from gancli.trackers.tracker import Start, Tracker
from gancli.training.callbacks import Callback, CallbackList, tracking
from gancli.training.validation import Evaluation

CALLS = ("started", "logged", "timed", "evaluated", "previewed", "rolled_back", "finished")


class Recorder(Tracker):
    """Records its calls."""

    told: list[tuple[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if name in CALLS:
            return lambda *args, **options: self.told.append((name, (*args, *options.values())))
        return super().__getattribute__(name)


class Watcher(Callback):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.logs = 0

    def on_warning(self, sentence: str) -> None:
        self.warnings.append(sentence)

    def on_log(self, record: Any) -> None:
        self.logs += 1


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("trackers_of_test")
    module.Recorder = Recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trackers_of_test", module)
    monkeypatch.setattr(Recorder, "told", [])
    return module


def info(name: str) -> TrackerInfo:
    return TrackerInfo(name=name.lower(), summary="", tracker=f"trackers_of_test:{name}")


START = Start(path=Path("runs/x"), name="x", recipe={}, manifest={}, images=64)


def run(callbacks: Callback) -> None:
    """Call the methods that a trainer calls."""
    callbacks.on_preview(Path("runs/x/samples/000000064.png"), "")
    callbacks.on_log({"images": 128, "step": 2, "stage": "all", "g/adversarial": 0.5})
    callbacks.on_timing({"images": 128, "seconds": 1.0})
    callbacks.on_evaluation(Evaluation(images=128, values={}, diversity=0.5))  # of the guard: no metric
    callbacks.on_evaluation(Evaluation(images=128, values={"swd": 3.0}))
    callbacks.on_rollback("the samples have collapsed", 64)


def test_everything_is_passed_on(module: types.ModuleType) -> None:
    watcher = Watcher()
    with tracking([info("Recorder")], START, watcher.on_warning) as trackers:
        run(CallbackList([watcher, trackers]))
    assert Recorder.told == [
        ("started", (START,)),
        ("previewed", (Path("runs/x/samples/000000064.png"), 64)),
        ("logged", ({"g/adversarial": 0.5}, 128, "all")),
        ("timed", ({"seconds": 1.0}, 128)),
        ("evaluated", ({"swd": 3.0}, 128)),
        ("rolled_back", (64,)),
        ("finished", ()),
    ]
    assert watcher.logs == 1
    assert not watcher.warnings


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [ValueError("no\nluck"), SystemExit(3)])
def test_one_that_raises_is_dropped_with_a_sentence(module: Any, call: str, error: BaseException) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    module.Faulty = type("Faulty", (Tracker,), {call: fail})
    watcher = Watcher()
    with tracking([info("Faulty"), info("Recorder")], START, watcher.on_warning) as trackers:
        run(CallbackList([watcher, trackers]))
        run(CallbackList([watcher, trackers]))
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    assert watcher.warnings == [f"tracker faulty failed and is disabled for the rest of this run: {reason}"]
    assert [name for name, _ in Recorder.told if name in ("started", "finished")] == ["started", "finished"]
    assert watcher.logs == 2


@pytest.mark.parametrize("name", ["Missing", "Failing"])
def test_one_that_cannot_be_made_is_dropped_too(module: Any, name: str) -> None:
    module.Failing = lambda: 1 / 0
    watcher = Watcher()
    with tracking([info(name)], START, watcher.on_warning) as trackers:
        run(CallbackList([watcher, trackers]))
    (warning,) = watcher.warnings
    assert warning.startswith(f"tracker {name.lower()} failed and is disabled for the rest of this run: ")


def test_they_are_told_of_the_end_of_a_run_that_fails(module: types.ModuleType) -> None:
    with (
        pytest.raises(RuntimeError, match="out of memory"),
        tracking([info("Recorder")], START, Watcher().on_warning),
    ):
        raise RuntimeError("out of memory")
    assert Recorder.told[-1] == ("finished", ())


def test_a_person_is_obeyed(module: Any) -> None:
    def interrupt(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    module.Slow = type("Slow", (Tracker,), {"logged": interrupt})
    with pytest.raises(KeyboardInterrupt), tracking([info("Slow")], START, Watcher().on_warning) as trackers:
        run(trackers)
