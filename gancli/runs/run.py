"""A run directory: where everything of a run lies, and how the newest run that can do a job is found.

runs/<name>/
  recipe.yaml       resolved: what actually ran
  manifest.json     versions, family, data fingerprint, device, command
  metrics.jsonl     one line each `log_every`; holds no clock time, so equal runs have equal files
  timings.jsonl     speed and memory, a line beside each of the above
  samples/*.png     the same latents through time
  checkpoints/<images>/, and best.json, which names the best of them where a metric decides
  eval.jsonl        what was measured, a line a number, each with its protocol; eval.png draws what training measured
  report.html       all of it for a person to look at, in one page
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancli.errors import DataError, UsageError
from gancli.io.files import disk_errors, write_atomically

RUNS = Path("runs")
"""Where runs are kept, under the working directory."""

MANIFEST = "manifest.json"

SEED = "-seed"
"""Between the name of a group of runs and the seed of one of them: runs/cgan-seed1."""


@dataclass(frozen=True)
class Run:
    """Paths of one run directory, which need not exist yet."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def timings(self) -> Path:
        return self.path / "timings.jsonl"

    @property
    def evaluations(self) -> Path:
        return self.path / "eval.jsonl"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def manifest(self) -> dict[str, Any]:
        """What the run recorded when it began.

        Raises:
            DataError: it is missing or damaged.
        """
        path = self.path / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}); is {self.path} a run directory?") from None
        if not isinstance(manifest, dict):
            raise DataError(f"{path} is damaged: it should hold one JSON object")
        return manifest

    def begin(self, manifest: Mapping[str, Any], recipe: str | None) -> None:
        """Creates the directory; weights from elsewhere have no recipe.

        The manifest comes last: a directory without one is no run.
        """
        with disk_errors(self.path):
            self.samples.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
            if recipe is not None:
                write_atomically(self.recipe, recipe.encode())
            write_atomically(self.path / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second process from training into the same directory.

        Raises:
            UsageError: another process is at it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock", timeout=0)
        with disk_errors(self.path):
            try:
                lock.acquire()
            except Timeout:  # which is an OSError too
                raise UsageError(f"{self.path} is being trained by another process; wait for it or stop it") from None
        try:
            yield
        finally:
            lock.release()


def run_of(path: Path) -> Run:
    """The run that a run directory is, or that a checkpoint directory belongs to."""
    return Run(path.parent.parent if path.parent.name == "checkpoints" else path)


def new_run(name: str, root: Path = RUNS) -> Run:
    """A directory that does not exist yet, nor a group of that name: `name`, or `name-2`, `name-3` and so on."""
    candidates = (name if count == 1 else f"{name}-{count}" for count in range(1, 1_000_000))
    taken = [path.name for path in root.iterdir()] if root.is_dir() else []
    groups = {stem for stem, between, seed in (each.rpartition(SEED) for each in taken) if between and seed.isdecimal()}
    return Run(root / next(each for each in candidates if each not in groups and each not in taken))


def runs(root: Path = RUNS) -> list[Run]:
    """The runs under `root`, the most recently worked on first."""
    found = [path.parent for path in root.glob(f"*/{MANIFEST}")] if root.is_dir() else []
    return [Run(path) for path in sorted(found, key=_last_worked_on, reverse=True)]


def runs_of(name: str, root: Path = RUNS) -> list[Run]:
    """The runs that `new_run` named after `name`, the most recently worked on first."""
    return [run for run in runs(root) if is_named_after(run.name, name)]


def is_named_after(candidate: str, name: str) -> bool:
    """Whether `candidate` is `name`, or `name` with a number as `new_run` adds them."""
    stem, _, number = candidate.rpartition("-")
    return candidate == name or (stem == name and number.isdigit())


def newest(wanted: str, can: Callable[[Mapping[str, Any]], bool], root: Path = RUNS) -> Run:
    """Return the newest run that has a checkpoint and whose manifest passes `can`.

    Args:
        wanted: verb phrase for the error message: "generate samples".

    Raises:
        UsageError: there is no such run.
    """
    candidates = runs(root)
    for run in candidates:
        if any(run.checkpoints.glob(f"*/{MANIFEST}")) and can(run.manifest()):
            return run
    several = f"none of the {len(candidates)} runs under {root}/ can {wanted}"
    one = f"{root}/ contains one run, and it cannot {wanted}"
    problem = [f"there is no run under {root}/ yet", one, several][min(len(candidates), 2)]
    raise UsageError(f"{problem}; train one first (`gan recipes ls` lists recipes) or name a run directory")


def _last_worked_on(path: Path) -> int:
    times = [path / MANIFEST, path / "metrics.jsonl", path / "checkpoints"]
    return max(file.stat().st_mtime_ns for file in times if file.exists())
