"""Published distributions are complete: recipes, templates, type marker, entry points."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from gancli.cli.plugin_new import FILES

ROOT = Path(__file__).parents[2]


def build(project: Path, out: Path) -> zipfile.ZipFile:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (wheel,) = out.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_the_core_brings_its_recipes(tmp_path: Path) -> None:
    with build(ROOT, tmp_path) as wheel:
        names = set(wheel.namelist())
        recipes = [path.relative_to(ROOT / "recipes") for path in (ROOT / "recipes").rglob("*.yaml")]
        assert {f"gancli/_recipes/{recipe}" for recipe in recipes} <= names
        assert {"gancli/py.typed", "gancli/report/style.css", "gancli/report/script.js"} <= names
        assert {f"gancli/report/{path.name}" for path in (ROOT / "gancli/report").glob("*.jinja")} <= names
        templates = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gancli/cli/templates").rglob("*.template")}
        assert {f"gancli/cli/templates/family/{source}.template" for source in FILES} == templates
        assert templates <= names
        assert not [name for name in names if name.startswith(("tests/", "plugins/", "benchmarks/", "examples/"))]
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "gan = gancli.__main__:main" in wheel.read(entry_points).decode()
        wheel.extractall(tmp_path / "site")
    site = str(tmp_path / "site")
    program = f"import sys; sys.path.insert(0, {site!r}); import gancli.recipes.bundled as b; print(b.bundled_dir())"
    result = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(tmp_path / "site" / "gancli" / "_recipes")


@pytest.mark.parametrize("plugin", sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")))
def test_a_plugin_is_a_distribution_of_its_own(tmp_path: Path, plugin: str) -> None:
    with build(ROOT / "plugins" / plugin, tmp_path) as wheel:
        names = wheel.namelist()
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert f"{plugin} = gancli_" in wheel.read(entry_points).decode()
        assert any(name.endswith("/py.typed") for name in names)
        assert not [name for name in names if "tests" in name.split("/")]


def test_the_source_distribution_brings_what_the_wheel_is_made_of(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = [*(ROOT / "gancli" / "cli" / "templates").rglob("*.template"), *(ROOT / "recipes").rglob("*.yaml")]
    assert {path.relative_to(ROOT).as_posix() for path in wanted} <= names
    assert not [name for name in names if name.startswith(("tests/", "plugins/", "runs/"))]
