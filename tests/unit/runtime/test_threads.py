"""Spin-waiting of threads: set before torch is imported, unless the user has set it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gancli.runtime.threads import POLICY, ROUNDS, SPINS, limit_spinning


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SPINS, POLICY):
        monkeypatch.setenv(name, "")  # so that it is restored afterwards
        monkeypatch.delenv(name)


def test_threads_sleep_soon() -> None:
    limit_spinning()
    assert os.environ[SPINS] == str(ROUNDS)


@pytest.mark.parametrize(("name", "value"), [(SPINS, "7"), (POLICY, "ACTIVE")])
def test_what_the_user_says_goes_first(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    limit_spinning()
    assert {variable: os.environ.get(variable) for variable in (SPINS, POLICY)} == {
        SPINS: None,
        POLICY: None,
        name: value,
    }


def test_the_program_says_it_before_torch_is_loaded() -> None:
    program = (
        "import os, sys\n"
        "from gancli.cli import app as cli\n"
        "cli.app = lambda: print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)\n"
        "cli.main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [str(ROUNDS), "False"]
