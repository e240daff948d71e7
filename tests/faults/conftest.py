"""A small real run, started through the command line in separate processes."""

from __future__ import annotations

import resource
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gancli.plugins.registry import registry
from gancli.testing.fixture import FamilyFixture
from gancli.training.trainer import Trainer

RECIPE = """# A run of a few seconds that saves at every step.
family: gan
data: {source: mnist, root: data}
model: {generator_widths: [16], discriminator_widths: [16], batch_norm: true, dropout: 0.3, r1: 0.1}
train: {images: 3200, batch_size: 8, ema: 0.9, log_every: 16, checkpoint_every: 8, preview_every: 800}
"""

Gan = Callable[..., "subprocess.Popen[str]"]


SmallFamily = Callable[[str], FamilyFixture]


@pytest.fixture(scope="session")
def small_family() -> SmallFamily:
    """Return a function that returns a family with small networks, by name."""
    families = runpy.run_path(str(Path(__file__).parent / "checkpoints" / "make.py"))["FAMILIES"]
    return lambda name: FamilyFixture(registry().family(name), *families[name])


class StopAt:
    """A request to stop after a number of steps, as `GracefulStop` makes after a signal."""

    def __init__(self, trainer: Trainer, step: int) -> None:
        self._trainer, self._step = trainer, step

    @property
    def requested(self) -> bool:
        return self._trainer.state.step >= self._step


@pytest.fixture(scope="session")
def stop_at() -> type[StopAt]:
    """The class of requests to stop after a number of steps."""
    return StopAt


@pytest.fixture
def injected(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """Return a function that records how many faults a test of the long tier has injected, for `long_run.py`."""
    return lambda count: record_property("injected", count)


@pytest.fixture(autouse=True)
def peak_memory(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Record the largest memory of this process and its children so far, in MB, for `long_run.py`."""
    yield
    usages = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    record_property("peak_mb", max(usages) // 1024)


def write_idx(folder: Path, *, count: int = 100) -> None:
    """Write the four files of an MNIST with random images."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / name).write_bytes(header + array.tobytes())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with data and `small.yaml`."""
    write_idx(tmp_path / "data")
    (tmp_path / "small.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gan(here: Path) -> Gan:
    """Starts `gan` in that directory; `prelude` is Python to run in the process before it."""

    def start(*arguments: str, prelude: str = "") -> subprocess.Popen[str]:
        program = f"{prelude}\nimport sys\nfrom gancli.cli.app import main\nsys.argv = ['gan', *sys.argv[1:]]\nmain()"
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=here,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start
