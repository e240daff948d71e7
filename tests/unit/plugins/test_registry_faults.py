"""Code that hangs is ended, what it prints is no answer, and what it hands over has the declared types."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace

import pytest

from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import TIMEOUT_VARIABLE, PluginTimeout, check_field_types, guarded_loading

INFO = FamilyInfo(name="a", summary="", paper="", tasks=("sample",), batch=("image",), family="a:A", config="a:C")


def never_end() -> None:
    while True:
        try:
            time.sleep(60)
        except Exception:
            continue


def test_what_hangs_is_ended_although_it_catches_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.05")
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(PluginTimeout, match=r"within 0\.05 seconds"), guarded_loading():
        never_end()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_ends_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "no number")
    before = signal.getsignal(signal.SIGALRM)
    with guarded_loading():
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 20
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_in_another_thread_there_is_no_limit() -> None:
    done = []

    def load() -> None:
        with guarded_loading():
            done.append(True)

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert done


def test_what_is_printed_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded_loading():
        print("hello")
    assert tuple(capsys.readouterr()) == ("", "hello\n")


def test_fields_have_the_declared_types() -> None:
    check_field_types(INFO)
    for name, wrong in (("name", 1), ("summary", None), ("tasks", None), ("tasks", "sample"), ("batch", ("image", 1))):
        with pytest.raises(TypeError, match=rf"FamilyInfo\.{name} must be"):
            check_field_types(replace(INFO, **{name: wrong}))
