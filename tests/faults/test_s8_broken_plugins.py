"""S8: a plugin that is installed and broken never breaks the tool; a stranger's sound one works beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = {
    "raises": "raise RuntimeError('no luck')",
    "exits": "raise SystemExit(7)",
    "misspelt": "def (",
    "missing": "import a_module_that_is_not_there",
    "old-hook": "from gancli import hookimpl\n@hookimpl\ndef gan_models():\n    return []",
    "wrong-type": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    return {'name': 'x'}",
    "raises-late": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    raise OSError('late')",
    "takes-a-name": (
        "from gancli import FamilyInfo, hookimpl\n@hookimpl\ndef gan_families():\n"
        "    return FamilyInfo(name='gan', summary='', paper='', tasks=(), batch=(), family='', config='')"
    ),
}

COMMANDS = ["--help", "recipes ls", "recipes check gan", "plugins ls", "data ls", "runs ls"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with all the broken distributions installed."""
    for name, source in BROKEN.items():
        module = f"broken_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: broken-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[gancli]\n{name} = {module}\n")
    return tmp_path


def gan(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "gancli", *arguments]
    return subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_s8_commands_work_beside_broken_plugins(site: Path, command: str) -> None:
    ended = gan(site, *command.split())
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_s8_every_fault_is_named(site: Path) -> None:
    listed = {plugin["name"]: plugin for plugin in json.loads(gan(site, "plugins", "ls", "--json").stdout)}
    assert listed["gan"]["fault"] is None
    assert all(listed[name]["fault"] for name in BROKEN)
    assert listed["raises"]["package"] == "broken-raises"
    problems = json.loads(gan(site, "doctor", "--json").stdout)["problems"]
    assert len(problems) == len(BROKEN)


def test_s8_a_broken_family_is_named_where_it_is_wanted(site: Path) -> None:
    (site / "r.yaml").write_text("family: raises\ndata: {source: digits}\ntrain: {images: 8}\n")
    ended = gan(site, "train", "r.yaml")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: r.yaml:1:9: ")
    assert "is broken: RuntimeError: no luck" in ended.stderr
