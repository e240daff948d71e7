"""Distributions: complete metadata, equal versions, wheels built from sdists alone, READMEs that render.

All builds run without a network. Installing into a fresh environment needs a network for torch; use `make dist` and the
commands at the top of `benchmarks/footprint.py` for that.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

import gancli

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PROJECTS = [ROOT, *PLUGINS]
BUILT = [ROOT, ROOT / "plugins" / "gan", ROOT / "plugins" / "wgan-gp"]
"""Projects that the tests build: the core and two plugins. The other plugins differ in their names only."""


def project(path: Path) -> Mapping[str, Any]:
    """Return the table `[project]` of a distribution."""
    table: Mapping[str, Any] = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[Path, Path]]:
    """Return the sdist of each project, and the wheel built from that sdist alone."""
    return {path: _build(path, tmp_path_factory.mktemp("built")) for path in BUILT}


def _build(path: Path, folder: Path) -> tuple[Path, Path]:
    _hatch("sdist", path, folder)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    _hatch("wheel", unpacked, folder)
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def _hatch(target: str, path: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    ended = subprocess.run(command, cwd=path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.name)
def test_metadata_is_complete(path: Path) -> None:
    about, core = project(path), project(ROOT)
    assert about["name"] == ("gancli" if path == ROOT else f"gancli-{path.name}")
    assert about["description"].endswith(".")
    assert (about["readme"], about["license"], about["license-files"]) == ("README.md", "MIT", ["LICENSE"])
    assert (path / "README.md").read_text(encoding="utf-8").strip()
    assert (path / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert about["requires-python"] == core["requires-python"]
    assert set(about["classifiers"]) == set(core["classifiers"]) - (
        {"Environment :: Console"} if path != ROOT else set()
    )
    assert "urls" not in about  # the project has no public address yet


def test_classifiers_and_python_agree() -> None:
    said = {name.rpartition(" ")[2] for name in project(ROOT)["classifiers"] if "Python :: 3." in name}
    assert project(ROOT)["requires-python"] == ">=3.11,<3.14"
    assert said == {"3.11", "3.12", "3.13"}


def test_versions_move_together() -> None:
    major, minor, _ = gancli.__version__.split(".")
    for path in PLUGINS:
        about = project(path)
        assert about["version"] == gancli.__version__, path
        assert f"gancli>={major}.{minor},<{major}.{int(minor) + 1}" in about["dependencies"], path


def test_the_extras_name_every_family() -> None:
    extras = project(ROOT)["optional-dependencies"]
    assert extras["families"] == [project(path)["name"] for path in PLUGINS]
    (everything,) = extras["all"]
    named = set(everything.removeprefix("gancli[").removesuffix("]").split(","))
    assert named == set(extras) - {"all", "dev"}


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.name)
def test_a_wheel_says_what_its_project_says(built, path: Path) -> None:
    about, wheel = project(path), metadata(built[path][1])
    assert wheel["Name"] == about["name"]
    assert wheel["Version"] == gancli.__version__
    assert wheel["Summary"] == about["description"]
    assert wheel["License-Expression"] == "MIT"
    assert wheel.get_all("License-File") == ["LICENSE"]
    assert set(wheel.get_all("Classifier") or ()) == set(about["classifiers"])
    assert wheel["Description-Content-Type"] == "text/markdown"
    assert wheel.get_payload() == (path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.name)
def test_a_wheel_holds_every_file_of_its_package_and_nothing_else(built, path: Path) -> None:
    package = "gancli" if path == ROOT else f"gancli_{path.name.replace('-', '_')}"
    with zipfile.ZipFile(built[path][1]) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {file for file in (path / package).rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    names = {file.relative_to(path).as_posix() for file in expected}
    if path == ROOT:
        names |= {
            f"gancli/_recipes/{file.relative_to(ROOT / 'recipes')}" for file in (ROOT / "recipes").rglob("*.yaml")
        }
    assert f"{package}/py.typed" in held
    assert held == names


def test_what_is_built_passes_the_check_of_an_upload(built) -> None:
    if importlib.util.find_spec("twine") is None:
        pytest.skip("twine is not installed; it comes with the extra dev")
    files = [str(file) for both in built.values() for file in both]
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("PASSED") == len(files)
