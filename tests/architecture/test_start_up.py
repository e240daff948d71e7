"""Help pages, listings and errors in recipes must not import torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """
import atexit, sys
atexit.register(lambda: print('IMPORTED', *sorted({'torch', 'torchvision', 'sklearn', 'scipy'} & set(sys.modules))))
from gancli.cli.app import main
sys.argv = ['gan', *sys.argv[1:]]
main()
"""


def run(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    result = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "train --help",
        "eval --help",
        "report --help",
        "recipes ls",
        "recipes check gan",
        "recipes schema gan",
        "plugins ls",
        "data ls",
        "runs ls",
    ],
)
def test_torch_is_not_imported(command: str, tmp_path: Path) -> None:
    code, output, errors = run(*command.split(), cwd=tmp_path)
    assert code == 0, errors
    assert output.splitlines()[-1] == "IMPORTED"


@pytest.mark.parametrize(
    "recipe",
    [
        "family: gan\ndata: {source: digits}\ntrain: {images: 10, batch_sise: 3}\n",
        "family: gan\ndata: {source: digist}\ntrain: {images: 10}\n",
        "family: gan\ndata: {source: digits}\nmodel: {latent_dum: 3}\ntrain: {images: 10}\n",
        "family: [gan\n",
    ],
)
def test_a_mistake_in_a_recipe_is_found_without_torch(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(recipe)
    code, output, errors = run("train", "r.yaml", cwd=tmp_path)
    assert code == 2
    assert output.strip() == "IMPORTED"
    assert errors.startswith("error: r.yaml:")
    assert "Traceback" not in errors


def test_measured_numbers_are_compared_without_torch(tmp_path: Path) -> None:
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "manifest.json").write_text("{}")
    (tmp_path / "measured" / "eval.jsonl").write_text('{"metric": "swd", "value": 1.5, "protocol": {"by": "swd"}}\n')
    code, output, errors = run("eval", "--compare", "measured", "--metrics", "swd", cwd=tmp_path)
    assert code == 0, errors
    assert [line.split() for line in output.splitlines()] == [
        ["run", "swd"],
        ["measured", "1.5"],
        ["all:", "by", "swd"],
        ["IMPORTED"],
    ]


def test_help_loads_no_plugin(tmp_path: Path) -> None:
    program = "import sys; sys.argv = ['gan', '--help']\nfrom gancli.cli.app import main\n"
    program += "try: main()\nexcept SystemExit: pass\n"
    program += "assert not [name for name in sys.modules if name.startswith('gancli_')]"
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    )


def test_no_colour_off_a_terminal_nor_when_unwanted(tmp_path: Path) -> None:
    for command in ("plugins ls", "data ls", "doctor"):
        _, output, _ = run(*command.split(), cwd=tmp_path)
        assert "\x1b[" not in output
