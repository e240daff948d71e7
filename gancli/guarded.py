"""Strangers' code held at arm's length while it is loaded."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields
from types import FrameType
from typing import Any

PATIENCE_VARIABLE = "GANCLI_PLUGIN_SECONDS"
"""Seconds that a plugin may take to load; 30 if unset."""


class TooSlow(BaseException):
    """Raised within code that does not end; not an `Exception`, or that code might catch it."""


@contextmanager
def guarded() -> Iterator[None]:
    """Within, what is printed goes to standard error, and what hangs is ended.

    Raises:
        TooSlow: it took too long. Only the main thread of a process is told, and not on Windows.
    """
    with redirect_stdout(sys.stderr):  # standard output is the answer of a command, and may be JSON
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, _too_slow)
        signal.setitimer(signal.ITIMER_REAL, _patience(), 1.0)  # and again, where the first one was caught
        try:
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # a signal may have come just before
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def check_fields(info: Any) -> None:
    """Holds what a hook returned to the types that its class declares.

    Raises:
        TypeError: naming the field.
    """
    for field in fields(info):
        value = getattr(info, field.name)
        if field.type == "str" and not isinstance(value, str):
            raise TypeError(f"{type(info).__name__}.{field.name} must be text, not {type(value).__name__}")
        if field.type == "tuple[str, ...]" and not (
            isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        ):
            raise TypeError(f'{type(info).__name__}.{field.name} must be a tuple of text, such as ("image",)')


def _patience() -> float:
    try:
        seconds = float(os.environ.get(PATIENCE_VARIABLE, ""))
    except ValueError:
        return 30.0
    return seconds if 0 < seconds < 1e6 else 30.0


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"it did not load within {_patience():g} seconds")
