"""S8: a broken plugin never breaks the program; third-party plugins next to it still work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.plugins.registry import SUBSET_VARIABLE, TIMEOUT_VARIABLE

BROKEN = {
    "raises": "raise RuntimeError('no luck')",
    "exits": "raise SystemExit(7)",
    "misspelt": "def (",
    "missing": "import a_module_that_is_not_there",
    "old-hook": "from gancli import hookimpl\n@hookimpl\ndef gan_models():\n    return []",
    "wrong-type": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    return {'name': 'x'}",
    "raises-late": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    raise OSError('late')",
    "old-argument": ("from gancli import hookimpl\n@hookimpl\ndef gan_families(configuration):\n    return []"),
    "field-of-no-sense": (
        "from gancli import FamilyInfo, hookimpl\n@hookimpl\ndef gan_families():\n"
        "    return FamilyInfo(name='odd', summary='', paper='', tasks=None, batch=(), family='', config='')"
    ),
    "hangs": "while True:\n    try:\n        import time; time.sleep(60)\n    except Exception:\n        pass",
    "never-ends": "def f():\n    f()\nf()",
    "takes-a-name": (
        "from gancli import FamilyInfo, hookimpl\n@hookimpl\ndef gan_families():\n"
        "    return FamilyInfo(name='gan', summary='', paper='', tasks=(), batch=(), family='', config='')"
    ),
}

LEFT_BEHIND = {"gone": "gone = broken_gone", "unreadable": "unreadable = "}
"""Entry points of distributions that were partly removed or partly installed, without module and metadata."""

NOISY = "print('{')\nfrom gancli import hookimpl\n@hookimpl\ndef gan_families():\n    print('}')\n    return []"

COMMANDS = [
    "--help",
    "recipes ls",
    "recipes check gan",
    "recipes schema gan",
    "plugins ls",
    "plugins check gan",
    "data ls",
    "runs ls",
    "train gan --dry-run",
]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Create a directory with all the broken distributions installed."""
    for name, source in BROKEN.items():
        module = f"broken_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: broken-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[gancli]\n{name} = {module}\n")
    for name, line in LEFT_BEHIND.items():
        info = tmp_path / f"broken_{name}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[gancli]\n{line}\n")
    return tmp_path


def gan(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), TIMEOUT_VARIABLE: "1"}
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
    assert all(listed[name]["fault"] for name in [*BROKEN, *LEFT_BEHIND])
    assert len(BROKEN) + len(LEFT_BEHIND) >= 12
    assert listed["raises"]["package"] == "broken-raises"
    assert listed["raises"]["where"] == "broken_raises.py:1"
    assert listed["misspelt"]["where"] == "broken_misspelt.py:1"
    assert listed["hangs"]["fault"] == "PluginTimeout: it did not load within 1 seconds"
    assert "FamilyInfo.tasks must be a tuple of text" in listed["field-of-no-sense"]["fault"]
    assert not any(listed[name]["families"] for name in [*BROKEN, *LEFT_BEHIND])
    problems = json.loads(gan(site, "doctor", "--json").stdout)["problems"]
    assert len(problems) == len(BROKEN) + len(LEFT_BEHIND)


def test_s8_what_a_plugin_prints_is_no_answer(site: Path) -> None:
    (site / "broken_raises.py").write_text(NOISY)
    ended = gan(site, "plugins", "ls", "--json")
    assert {"name", "fault"} <= set(json.loads(ended.stdout)[0])
    assert "{" in ended.stderr


def test_s8_a_subset_leaves_the_broken_ones_asleep(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUBSET_VARIABLE, "dcgan, gan")
    listed = json.loads(gan(site, "plugins", "ls", "--json").stdout)
    families = [family["name"] for plugin in listed for family in plugin["families"]]
    assert sorted(families) == ["dcgan", "gan"]
    assert not [plugin["fault"] for plugin in listed if plugin["fault"]]
    assert [plugin for plugin in listed if plugin["datasets"]], "gancli's own are always there"


def test_s8_a_broken_family_is_named_where_it_is_wanted(site: Path) -> None:
    (site / "r.yaml").write_text("family: raises\ndata: {source: digits}\ntrain: {images: 8}\n")
    ended = gan(site, "train", "r.yaml")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: r.yaml:1:9: ")
    assert "is broken: RuntimeError: no luck" in ended.stderr
