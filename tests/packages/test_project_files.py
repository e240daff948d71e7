"""Files of the repository that repeat facts stated elsewhere: CI workflow, uv workspace, citation, changelog."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

import gancli

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))


def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    return loaded


def test_the_workflow_runs_the_commands_of_ci_run() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    steps = workflow()["jobs"]["test"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands == re.findall(r"^make .*$", script, re.MULTILINE)
    assert len(commands) == 2


def test_the_workflow_covers_every_supported_python_and_system() -> None:
    matrix = workflow()["jobs"]["test"]["strategy"]["matrix"]
    classifiers = settings()["project"]["classifiers"]
    assert matrix["python"] == [name.rpartition(" ")[2] for name in classifiers if "Python :: 3." in name]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]


def test_the_workflow_may_only_read() -> None:
    assert workflow()["permissions"] == {"contents": "read"}


def test_the_uv_workspace_has_every_family() -> None:
    uv = settings()["tool"]["uv"]
    assert uv["workspace"]["members"] == ["plugins/*"]
    assert uv["sources"] == {name: {"workspace": True} for name in ("gancli", *(f"gancli-{name}" for name in PLUGINS))}
    assert settings()["dependency-groups"]["dev"] == ["gancli[all,dev]"]


def test_the_citation_has_the_current_version_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["title"], citation["version"]) == ("gancli", gancli.__version__)
    assert citation["license"] == settings()["project"]["license"]
    assert f"## {gancli.__version__} - {citation['date-released']}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_security_policy_supports_the_current_minor_version() -> None:
    minor = gancli.__version__.rpartition(".")[0]
    assert f"| {minor}.x | yes |" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_the_hooks_are_programs_of_the_environment() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repo,) = config["repos"]
    extra = settings()["project"]["optional-dependencies"]["dev"]
    programs = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in repo["hooks"]}
    assert programs == {"ruff", "mypy", "codespell"}
    assert programs <= {re.split(r"[>=\[]", requirement)[0] for requirement in extra}
