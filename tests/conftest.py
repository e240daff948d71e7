"""Fixtures for tests of the command line and of pages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gancli.cli import app

SHARED_DATA = "GANCLI_TEST_DATA"
"""Environment variable with the folder of real data for tests; `../shared/data` next to the checkout if unset."""


LOCAL = ("127.0.0.1", "::1", "localhost", "", None)


def _refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: raise an error at the first attempt to look up or connect to another machine (S10)."""
    if event == "socket.getaddrinfo" and arguments[0] not in LOCAL:
        raise socket.gaierror(socket.EAI_NONAME, f"tests run offline and may not look up {arguments[0]}")
    if event == "socket.connect":
        connection, address = arguments
        if connection.family != socket.AF_UNIX and address[0] not in LOCAL:  # type: ignore[attr-defined, index]
            raise ConnectionRefusedError(f"tests run offline and may not connect to {address}")


sys.addaudithook(_refuse_the_network)  # for all tests of the process, those of the plugins included


@dataclass(frozen=True)
class CommandResult:
    """Result of a command: exit code, standard output and standard error."""

    code: int
    out: str
    err: str


Gan = Callable[..., CommandResult]


@pytest.fixture
def gan(gan_in_process: Gan) -> Gan:
    """Return a function that runs `gan` in this process; tests of faults have one that starts processes instead."""
    return gan_in_process


@pytest.fixture
def gan_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Gan:
    """Return a function that runs `gan` in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("gancli.metrics.backbones.classifier.MIN_IMAGES", 1_000)  # fewer images than usual

    def run(*arguments: str) -> CommandResult:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["gan", *arguments])
        code: object = 0
        try:
            app.main()
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return CommandResult(int(code or 0), out, err)  # type: ignore[call-overload]

    return run


CHROMIUM_FLAGS = [
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

NO_INITIATOR = "not an origin"
"""Initiator in the network log of requests that no page made."""


class BrowserResult:
    """Result of opening a page in a browser.

    Attributes:
        dom: HTML of the page after its scripts have run.
        console: messages on the console.
        requests: addresses that the page requested; requests of the browser itself are excluded.
    """

    def __init__(self, file: Path, tmp_path: Path, *flags: str) -> None:
        log = tmp_path / "net.json"
        command = ["chromium", *CHROMIUM_FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"]
        ended = subprocess.run(
            [*command, *flags, "--dump-dom", file.as_uri()],
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        self.dom = ended.stdout
        self.console = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
        requests = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
        self.requests = [
            request["url"]
            for request in requests
            if "url" in request and request.get("initiator", NO_INITIATOR) != NO_INITIATOR
        ]


Browse = Callable[..., BrowserResult]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Return a function that opens a file in Chromium with additional flags. Skip if Chromium is not installed."""
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is not installed: apt-get install --no-install-recommends chromium")
    return lambda file, *flags: BrowserResult(file, tmp_path, *flags)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data. Skip if it does not exist."""
    root = Path(os.environ.get(SHARED_DATA, Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data at {root}; set {SHARED_DATA} to test with it")
    return root
