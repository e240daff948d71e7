"""S10: without a network, everything works but downloads, and those say what to fetch and where to put it.

`tests/conftest.py` refuses connections to other machines in the whole suite; these tests check that it does, and that
commands started as separate processes need no network either.
"""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pytest

from gancli.errors import DataError
from gancli.weights import download

OFFLINE = """
import socket, sys
def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.connect", "socket.bind", "socket.sendto"):
        print("NETWORK", event, arguments, file=sys.stderr, flush=True)
        raise OSError("no network")
sys.addaudithook(refuse)
"""

COMMANDS = [
    "recipes ls",
    "recipes check gan",
    "plugins ls",
    "data ls",
    "data check small.yaml",
    "train small.yaml --set train.images=160 --set train.preview_every=80",
    "train small.yaml --set train.images=240 --resume",
    "runs ls",
    "sample runs/small --count 4 --out sheet.png",
    "interpolate runs/small --out walk.gif --frames 6",
    "export runs/small --out exported",
    "inspect runs/small --out seen.png",
    "report runs/small",
]


def test_s10_the_tests_themselves_run_offline() -> None:
    with pytest.raises(OSError, match="tests run offline"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="tests run offline"):
        urllib.request.urlopen("http://example.com/", timeout=1)


def test_s10_commands_open_no_connection(gan, here: Path) -> None:
    program = "\n".join(
        f"sys.argv = ['gan', *{command.split()!r}]\ntry:\n    main()\nexcept SystemExit as end:\n"
        f"    assert not end.code, ({command!r}, end.code)"
        for command in COMMANDS
    )
    prelude = f"{OFFLINE}\nfrom gancli.cli.app import main\n{program}"
    process = gan("--version", prelude=prelude)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "NETWORK" not in errors
    for file in ("sheet.png", "walk.gif", "exported/manifest.json", "runs/small/report.html"):
        assert (here / file).is_file(), output


def test_s10_a_download_says_what_to_fetch_and_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    weights = download.PublishedWeights(
        network="VGG-19",
        file="vgg19.pth",
        url="https://example.com/models",
        sha256="0" * 64,
        size="548 MB",
    )
    with pytest.raises(DataError) as caught:
        download.find(weights, instead="name another file")
    for part in ("vgg19.pth", "548 MB", "https://example.com/models", str(tmp_path), "or name another file"):
        assert part in str(caught.value)
    assert "tests run offline" in str(caught.value)
