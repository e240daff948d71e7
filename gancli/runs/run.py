"""Run directories: their files, locking, and finding the newest suitable run.

runs/<name>/
  recipe.yaml             the recipe with every option
  manifest.json           versions, family, data fingerprint, device, command
  metrics.jsonl           one line for each `log_every`; contains no clock time, so equal runs have equal files
  timings.jsonl           speed and memory, one line for each line of metrics.jsonl
  samples/*.png           samples of the same latents over time
  checkpoints/<images>/   checkpoints; best.json names the best one if a metric decides
  eval.jsonl              evaluations with their protocols, one value per line; eval.png plots those during training
  report.html             summary of the run on one page
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
"""Directory of all runs, relative to the working directory."""

MANIFEST = "manifest.json"

SEED = "-seed"
"""Separator between the name of a group of runs and the seed of one run: runs/cgan-seed1."""


@dataclass(frozen=True)
class Run:
    """Paths of one run directory, which may not exist yet."""

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
        """Read the manifest that was written when the run began.

        Raises:
            DataError: the file is missing or damaged.
        """
        path = self.path / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}); is {self.path} a run directory?") from None
        if not isinstance(manifest, dict):
            raise DataError(f"{path} is damaged: it must contain one JSON object")
        return manifest

    def begin(self, manifest: Mapping[str, Any], recipe: str | None) -> None:
        """Create the directory; runs made from imported weights have no recipe.

        The manifest is written last, because a directory without one does not count as a run.
        """
        with disk_errors(self.path):
            self.samples.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
            if recipe is not None:
                write_atomically(self.recipe, recipe.encode())
            write_atomically(self.path / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Prevent a second process from training into the same directory.

        Raises:
            UsageError: another process is training into it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock", timeout=0)
        with disk_errors(self.path):
            try:
                lock.acquire()
            except Timeout:  # a subclass of OSError
                raise UsageError(f"{self.path} is being trained by another process; wait for it or stop it") from None
        try:
            yield
        finally:
            lock.release()


def run_of(path: Path) -> Run:
    """Return the run of a run directory or of a checkpoint directory inside it."""
    return Run(path.parent.parent if path.parent.name == "checkpoints" else path)


def new_run(name: str, root: Path = RUNS) -> Run:
    """Return a run called `name`, `name-2`, `name-3` and so on: the first name that no run or group has."""
    candidates = (name if count == 1 else f"{name}-{count}" for count in range(1, 1_000_000))
    taken = [path.name for path in root.iterdir()] if root.is_dir() else []
    parts = (other.rpartition(SEED) for other in taken)
    groups = {stem for stem, separator, seed in parts if separator and seed.isdecimal()}
    return Run(root / next(candidate for candidate in candidates if candidate not in groups and candidate not in taken))


def runs(root: Path = RUNS) -> list[Run]:
    """Return the runs under `root`, the most recently changed first."""
    paths = [path.parent for path in root.glob(f"*/{MANIFEST}")] if root.is_dir() else []
    return [Run(path) for path in sorted(paths, key=_last_changed, reverse=True)]


def runs_of(name: str, root: Path = RUNS) -> list[Run]:
    """Return the runs that `new_run` named after `name`, the most recently changed first."""
    return [run for run in runs(root) if is_named_after(run.name, name)]


def is_named_after(candidate: str, name: str) -> bool:
    """Return whether `candidate` is `name`, or `name` with a number added by `new_run`."""
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


def _last_changed(path: Path) -> int:
    times = [path / MANIFEST, path / "metrics.jsonl", path / "checkpoints"]
    return max(file.stat().st_mtime_ns for file in times if file.exists())
