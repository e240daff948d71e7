"""What the tests of the command line and of pages share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gancli.cli import app

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
            app.main()
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Ended(int(code or 0), out, err)  # type: ignore[call-overload]

    return run


QUIET = [
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]

NOBODY = "not an origin"
"""How the browser's log calls what asks for something that no page wants."""


class Seen:
    """What a browser made of a page.

    Attributes:
        dom: its elements afterwards.
        complaints: the browser's.
        asked: addresses that the page, rather than the browser of its own accord, asked for.
    """

    def __init__(self, file: Path, tmp_path: Path, *flags: str) -> None:
        log = tmp_path / "net.json"
        command = ["chromium", *QUIET, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"]
        ended = subprocess.run(
            [*command, *flags, "--dump-dom", file.as_uri()],
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        self.dom = ended.stdout
        self.complaints = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
        told = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
        self.asked = [each["url"] for each in told if "url" in each and each.get("initiator", NOBODY) != NOBODY]


Browse = Callable[..., Seen]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Opens a file in Debian's Chromium, with any flags; skips where that is not installed."""
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is not installed: apt-get install --no-install-recommends chromium")
    return lambda file, *flags: Seen(file, tmp_path, *flags)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; skips where there is none."""
    root = Path(os.environ.get(SHARED_DATA, Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data at {root}; set {SHARED_DATA} to test with it")
    return root
