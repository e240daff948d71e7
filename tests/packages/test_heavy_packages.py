"""Large packages are imported only by the code that needs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("scipy", "sklearn", "matplotlib", "torchvision", "torch")

REPORT = f"""
import atexit, sys
atexit.register(lambda: print('IMPORTED', *(name for name in {HEAVY!r} if name in sys.modules)))
from gancli.cli.app import main
sys.argv = ['gan', *sys.argv[1:]]
main()
"""


@pytest.fixture
def trained(gan, tmp_path: Path) -> Path:
    """Return the folder that contains `runs/gan`."""
    small = ("data.resolution=8", "train.images=32", "model.generator_widths=[8]")
    assert gan("train", "gan", *(word for each in small for word in ("--set", each)), "--device", "cpu").code == 0
    return tmp_path


@pytest.mark.parametrize("command", ["sample -n 4", "export --out model"])
def test_what_draws_from_a_model_needs_torch_alone(trained: Path, command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", REPORT, *command.split()], cwd=trained, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "IMPORTED torch"
