"""`gan plugins new`: the unchanged distribution installs, is found, passes its tests, trains and samples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.cli.plugin_new import render_templates
from gancli.plugins.registry import SUBSET_VARIABLE


def test_it_installs_passes_trains_and_samples(gan, tmp_path: Path) -> None:
    name = "wobble"
    assert gan("plugins", "new", name).out.startswith(f"wrote gancli-{name}: ")
    folder, site = tmp_path / f"gancli-{name}", tmp_path / "site"
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop(SUBSET_VARIABLE, None)

    def run(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run("pip", "install", "-q", *offline, "--target", str(site), ".")
    assert f"gancli-{name} 0.1.0" in " ".join(run("gancli", "plugins", "ls").split())
    assert "no problems found" in run("gancli", "plugins", "check", f"gancli-{name}")
    assert " passed" in run("pytest", "-q", "-p", "no:cacheprovider")
    assert f"ok recipes/{name}.yaml" in run("gancli", "recipes", "check", f"recipes/{name}.yaml")
    run("gancli", "train", f"recipes/{name}.yaml", "--set", "train.images=640", "--device", "cpu")
    run("gancli", "sample", "-n", "4", "--seed", "1")
    assert list(folder.glob(f"runs/{name}/out/*.png"))


def test_its_files_need_no_formatting(gan, tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    for name in ("a", "wobble", "a-name-as-long-as-names-may-be-here-40ch"):
        assert gan("plugins", "new", name).code == 0
        for command in (["format", "--check"], ["check", "--extend-select", "I,B,UP,SIM"]):
            result = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
                cwd=tmp_path / f"gancli-{name}",
                capture_output=True,
                text=True,
                check=False,
            )
            assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("name", "kind"),
    [("wobble", "WobbleGAN"), ("very-small-gan", "VerySmallGAN"), ("tinygan", "TinyGAN"), ("a-2d-net", "A2dNetGAN")],
)
def test_the_family_is_called_as_families_are(name: str, kind: str) -> None:
    package = f"gancli_{name.replace('-', '_')}"
    written = dict(render_templates(name))
    assert f"class {kind}(Family[Config], LatentSampler)" in written[f"{package}/family.py"]
    assert f'family="{package}.family:{kind}"' in written[f"{package}/plugin.py"]
    assert not [path for path, text in written.items() if "$" in path + text.replace("${{ matrix", "")]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Wobble", "try 'wobble'"),
        ("wob_ble", "try 'wob-ble'"),
        ("3d", "try 'wobble'"),
        ("gancli-wobble", "try 'wobble'"),
        ("../wobble", "try 'wobble'"),
        ("wobble-", "try 'wobble'"),
        ("w" * 41, "try 'wobble'"),
        ("", "try 'wobble'"),
        ("gan", "'gan' is taken by the installed package gancli-gan"),
        ("gancli", "'gancli' is taken by the installed package gancli"),
    ],
)
def test_names_that_will_not_do(gan, tmp_path: Path, name: str, says: str) -> None:
    before = set(tmp_path.rglob("*"))
    result = gan("plugins", "new", name)
    assert result.code == 2
    assert says in result.err
    assert set(tmp_path.rglob("*")) == before


def test_nothing_is_written_over(gan, tmp_path: Path) -> None:
    (tmp_path / "here" / "gancli-wobble").mkdir(parents=True)
    result = gan("plugins", "new", "wobble", "--out", "here")
    assert result.code == 2
    assert "already exists" in result.err
    assert list((tmp_path / "here" / "gancli-wobble").iterdir()) == []
    assert gan("plugins", "new", "wobble", "--out", "there/below").code == 0
    assert [path.name for path in (tmp_path / "there" / "below").iterdir()] == ["gancli-wobble"]


def test_a_folder_that_cannot_be_written(gan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = gan("plugins", "new", "wobble", "--out", "file")
    assert result.code == 74
    assert "cannot be written" in result.err


def test_it_waits_for_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom gancli.cli import plugin_new\n"
        "plugin_new.new('wobble', out=Path(sys.argv[1]))\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 0
