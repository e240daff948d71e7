"""Signals that interrupt a command: a graceful stop between two steps of training, and a clean abort elsewhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP") if hasattr(signal, name)
)  # SIGINT: the user; SIGTERM and SIGUSR1: a scheduler; SIGHUP: a terminal that was closed


class InterruptedMeasurementError(BaseException):
    """A signal arrived inside `GracefulStop.interrupting`; not an `Exception`, so that no metric handles it."""


class GracefulStop:
    """Context manager that turns the first interrupting signal into a flag, and the second into an immediate abort.

    SIGHUP stays ignored if it was when the program started, as under `nohup`. Outside the main thread, where Python
    delivers no signals, only the flag is available.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}
        self._interrupting = False

    @property
    def requested(self) -> bool:
        return self.signal is not None

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let the first signal end the block, which takes long and can be repeated later.

        Raises:
            InterruptedMeasurementError: a signal arrived before or during the block.
        """
        if self.requested:
            raise InterruptedMeasurementError
        self._interrupting = True
        try:
            yield
        finally:
            self._interrupting = False

    def __enter__(self) -> Self:
        self._previous = _install(SIGNALS, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _restore(self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)
        if self._interrupting:
            self._interrupting = False
            raise InterruptedMeasurementError


@contextmanager
def aborted_by_signals() -> Iterator[None]:
    """Let the signals that would end the process at once raise KeyboardInterrupt, so that nothing half done is left."""
    previous = _install([number for number in SIGNALS if number != signal.SIGINT], _abort)
    try:
        yield
    finally:
        _restore(previous)


def _abort(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _install(numbers: Iterable[signal.Signals], handler: object) -> dict[signal.Signals, object]:
    """Install a handler, but not for an ignored SIGHUP. Return the handlers before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handled = [number for number in numbers if not _is_ignored(number)]
    return {number: signal.signal(number, handler) for number in handled}  # type: ignore[arg-type]


def _is_ignored(number: signal.Signals) -> bool:
    """Return whether a hangup is ignored, as under `nohup`. Shells also ignore SIGINT of jobs in the background."""
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN


def _restore(previous: dict[signal.Signals, object]) -> None:
    for number, handler in previous.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
