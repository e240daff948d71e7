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

Only files with these names are read. Others in the same places, such as a copied checkpoint `checkpoints/640.bak`, are
neither used nor removed, except by `gan runs rm`, which removes the whole directory.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancli.errors import DataError, UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.io.input_files import open_regular

RUNS = Path("runs")
"""Directory of all runs, relative to the working directory."""

MANIFEST = "manifest.json"

FORMAT = "gancli run"
"""Value of `format` in the manifest of a run, by which `gan runs rm` recognises runs."""

LOCK = ".lock"

SEED = "-seed"
"""Separator between the name of a group of runs and the seed of one run: runs/cgan-seed1."""


_CLOCK_TOLERANCE = 60 * 10**9
"""Nanoseconds by which the clock of a file server may be ahead."""

_PREVIEW = re.compile("[0-9]{9,18}", re.ASCII)

_POSITION = re.compile("0|[1-9][0-9]{0,17}", re.ASCII)


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
            DataError: the file is missing or damaged, or lies outside the run.
        """
        from gancli.runs.documents import RunManifest, read_document

        advice = f"is {self.path} a run directory?"
        return read_document(self.path / MANIFEST, RunManifest, within=self.path, advice=advice)

    def has_recipe(self) -> bool:
        """Return whether the run has a recipe; converted models have none.

        Raises:
            DataError: `recipe.yaml` is not a regular file of the run.
        """
        if not os.path.lexists(self.recipe):
            return False
        try:
            open_regular(self.recipe, within=self.path).close()
        except OSError as error:
            raise DataError(f"{self.recipe} cannot be read: {error.strerror}") from None
        return True

    def begin(self, manifest: Mapping[str, Any], recipe: str | None) -> None:
        """Create the directory; runs made from imported weights have no recipe.

        The manifest is written last, because a directory without one does not count as a run.
        """
        with disk_errors(self.path):
            self.samples.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
            if recipe is not None:
                write_atomically(self.recipe, recipe.encode())
            content = json.dumps({"format": FORMAT, **manifest}, indent=2) + "\n"
            write_atomically(self.path / MANIFEST, content.encode())

    def previews(self, suffix: str = ".png") -> dict[int, Path]:
        """Return the sample sheets by the number of training images, the earliest first; other names are skipped."""
        paths = {path.stem: path for path in self.samples.glob(f"[0-9]*{suffix}")}
        return {int(name): paths[name] for name in sorted(paths) if _PREVIEW.fullmatch(name)}

    def saved(self) -> list[int]:
        """Return the positions of the complete checkpoints, in images, the newest first."""
        return saved_positions(self.checkpoints)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Prevent a second process from training into the same directory.

        Raises:
            UsageError: another process is training into it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / LOCK, timeout=0)
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


def saved_positions(checkpoints: Path) -> list[int]:
    """Return the positions of the complete checkpoints in a directory, in images, the newest first.

    Names that `gan` does not give, such as `640.bak`, `0640` or `٦٤٠`, are passed over.
    """
    names = [path.name for path in checkpoints.glob("[0-9]*") if is_position(path.name)]
    return sorted((int(name) for name in names if (checkpoints / name / MANIFEST).is_file()), reverse=True)


def is_position(name: str) -> bool:
    """Return whether `gan` would give a checkpoint this name."""
    return _POSITION.fullmatch(name) is not None


def new_names(name: str, root: Path = RUNS) -> Iterator[str]:
    """Yield `name`, `name-2`, `name-3` and so on, without those that a run or group under `root` has."""
    taken = {path.name for path in root.iterdir() if not is_vacant(path)} if root.is_dir() else set()
    parts = (other.rpartition(SEED) for other in taken)
    groups = {stem for stem, separator, seed in parts if separator and seed.isdecimal()}
    candidates = (name if count == 1 else f"{name}-{count}" for count in range(1, 1_000_000))
    return (candidate for candidate in candidates if candidate not in groups and candidate not in taken)


def is_vacant(path: Path) -> bool:
    """Return whether a run may begin in a directory: there is none, or it holds nothing but a lock file."""
    return not path.is_symlink() and (not path.exists() or (path.is_dir() and not set(os.listdir(path)) - {LOCK}))


def runs(root: Path = RUNS) -> list[Run]:
    """Return the runs under `root`, the most recently changed first."""
    paths = [path.parent for path in root.glob(f"[!.]*/{MANIFEST}")] if root.is_dir() else []
    return [Run(path) for path in sorted(paths, key=_last_changed, reverse=True)]


def runs_of(name: str, root: Path = RUNS) -> list[Run]:
    """Return the runs that `new_names` named after `name`, the most recently changed first."""
    return [run for run in runs(root) if is_named_after(run.name, name)]


def is_named_after(candidate: str, name: str) -> bool:
    """Return whether `candidate` is `name`, or `name` with a number added by `new_names`."""
    stem, _, number = candidate.rpartition("-")
    return candidate == name or (stem == name and number.isdigit())


def newest(wanted: str, can: Callable[[Mapping[str, Any]], bool], root: Path = RUNS) -> Run:
    """Return the newest run that has a checkpoint and whose manifest passes `can`. Damaged runs are passed over.

    Args:
        wanted: verb phrase for the error message: "generate samples".

    Raises:
        UsageError: there is no such run.
    """
    candidates = runs(root)
    for run in candidates:
        with suppress(DataError):
            if run.saved() and can(run.manifest()):
                return run
    several = f"none of the {len(candidates)} runs under {root}/ can {wanted}"
    one = f"{root}/ contains one run, and it cannot {wanted}"
    problem = [f"there is no run under {root}/ yet", one, several][min(len(candidates), 2)]
    raise UsageError(f"{problem}; train one first (`gan recipes ls` lists recipes) or name a run directory")


def _last_changed(path: Path) -> int:
    """Return the time of the last change in nanoseconds.

    Times in the future were written before a wrong clock was set right. They count as the oldest, or such a run would
    be the newest one for as long as the clock had been ahead.
    """
    times, now = [0], time.time_ns() + _CLOCK_TOLERANCE
    for file in (path / MANIFEST, path / "metrics.jsonl", path / "checkpoints"):
        with suppress(OSError):  # missing, or removed since it was listed
            times.append(file.stat().st_mtime_ns)
    return max(changed for changed in times if changed <= now)
