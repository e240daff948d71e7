"""A third-party family that is not part of this repository: a wheel in a new environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from gancli.plugins.registry import SUBSET_VARIABLE

MINI = Path(__file__).parents[2] / "examples" / "gancli-mini"

Run = Callable[..., str]


@pytest.fixture
def fresh(tmp_path: Path) -> Run:
    """Return a function that runs a Python module in a new environment that also sees the packages installed here."""
    venv.create(tmp_path / "environment", with_pip=False, symlinks=True)
    base = {"base": str(tmp_path / "environment"), "platbase": str(tmp_path / "environment")}
    site = Path(sysconfig.get_path("purelib", "venv", vars=base))
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "outer.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in paths))
    python = tmp_path / "environment" / "bin" / "python"
    here = tmp_path / "here"
    here.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    for variable in ("PYTHONPATH", SUBSET_VARIABLE):
        environment.pop(variable, None)

    def run(*words: str, outer: bool = False) -> str:
        command = [sys.executable if outer else str(python), "-m", *words]
        result = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def pip(*words: str) -> str:
        return run("pip", "--python", str(python), "--disable-pip-version-check", *words, outer=True)

    run.pip = pip  # type: ignore[attr-defined]
    return run


def test_a_wheel_is_installed_found_trained_sampled_and_removed(fresh, tmp_path: Path) -> None:
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
    subprocess.run(built, cwd=MINI, capture_output=True, text=True, check=True)
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert "gancli-mini" not in fresh("gancli", "plugins", "ls")
    fresh.pip("install", "-q", "--no-deps", "--no-index", str(wheel))
    assert "gancli-mini" in fresh("gancli", "plugins", "ls")
    fresh("gancli", "train", str(MINI / "mini.yaml"), "--set", "train.images=640", "--device", "cpu")
    fresh("gancli", "sample", "-n", "4")
    assert list((tmp_path / "here").glob("runs/mini/out/*.png"))
    fresh.pip("uninstall", "-q", "--yes", "gancli-mini")
    assert "gancli-mini" not in fresh("gancli", "plugins", "ls")
    assert "gancli-gan" in fresh("gancli", "plugins", "ls")


def test_it_is_as_short_as_it_says() -> None:
    code = [line for path in MINI.glob("*/*.py") for line in path.read_text().splitlines() if line.strip()]
    assert len(code) <= 60
    assert "in 60 lines" in (MINI / "README.md").read_text()
