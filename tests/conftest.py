"""What the tests of the command line share."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gancli import cli

SHARED_DATA = "GANCLI_TEST_DATA"
"""Where real data for tests lies; `../shared/data` beside the checkout if unset."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


Gan = Callable[..., Ended]


@pytest.fixture
def gan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Gan:
    """Runs `gan` in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("gancli.metrics.backbones.classifier.SEEN", 1_000)  # enough to be asked

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["gan", *arguments])
        code: object = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Ended(int(code or 0), out, err)  # type: ignore[call-overload]

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; skips where there is none."""
    root = Path(os.environ.get(SHARED_DATA, Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data at {root}; set {SHARED_DATA} to test with it")
    return root
