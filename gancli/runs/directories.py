"""Claiming the directory of a new run, recognising runs, and removing them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gancli.errors import DataError, UsageError, unknown_name
from gancli.io.files import disk_errors, temporary_path
from gancli.runs.groups import member, members
from gancli.runs.run import FORMAT, LOCK, MANIFEST, RUNS, Run, is_vacant, new_names, runs

REMOVED = ".removed"
"""Suffix of a run directory that is being removed."""


@contextmanager
def claim_new(name: str, root: Path = RUNS) -> Iterator[Run]:
    """Claim the first of the names `name`, `name-2`, `name-3`, ... that no run, group or other process has.

    Two processes never get the same name, however close together they start.

    Args:
        name: name of the recipe or file.
        root: directory of the runs.

    Yields:
        A run that has not begun, locked, as in `claim`.
    """
    with ExitStack() as stack:
        for candidate in new_names(name, root):
            with suppress(UsageError):  # claimed by another process since the names were listed
                run = stack.enter_context(claim(root / candidate))
                break
        yield run


@contextmanager
def claim(path: Path, *, resumable: bool = False) -> Iterator[Run]:
    """Create and lock the directory of a new run, before anything of the run is computed.

    If the block fails before it has written a checkpoint or a line of metrics, the directory is removed again, with
    those of its parents that did not exist.

    Args:
        path: directory of the run.
        resumable: suggest `--resume` if it contains a run already.

    Yields:
        The run, which has not begun.

    Raises:
        UsageError: the directory exists and is not empty, or another process has claimed it.
        DiskError: it cannot be created.
    """
    run, created = Run(path), [folder for folder in (path, *path.parents) if not folder.exists()]
    _check_vacant(path, resumable=resumable)
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    with run.lock():
        _check_vacant(path, resumable=resumable)  # a run may have begun and ended between the first check and the lock
        try:
            yield run
        except BaseException:
            if not is_worth_keeping(run):
                _remove_claim(path, created)
            raise


def claim_group(name: str, seed: int, root: Path = RUNS) -> Path:
    """Claim a name for a group of runs by creating the directory of its first seed. Return the path of the group.

    Raises:
        DiskError: the directory cannot be created.
    """
    for candidate in new_names(name, root):
        first = member(root / candidate, seed).path
        with disk_errors(first), suppress(FileExistsError):
            root.mkdir(parents=True, exist_ok=True)
            first.mkdir()
            return root / candidate
    raise UsageError(f"no name is left for a group of runs of {name!r}; choose one with --out")


def is_worth_keeping(run: Run) -> bool:
    """Return whether a run has a checkpoint or a line of metrics."""
    with suppress(OSError):
        return bool(run.saved()) or run.metrics.stat().st_size > 0
    return False


def is_run(path: Path) -> bool:
    """Return whether a directory was written as a run by this program.

    Manifests have contained `format` since version 0.3. Those of older runs name the version and the family, and lie
    beside the directory of the checkpoints.
    """
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        manifest = Run(path).manifest()
    except DataError:
        return False
    versions = manifest.get("versions")
    is_old = isinstance(versions, dict) and "gancli" in versions and "family" in manifest
    return manifest.get("format") == FORMAT or (is_old and (path / "checkpoints").is_dir())


def find_removable(name: str, root: Path = RUNS) -> Run:
    """Return the run to remove: a name under `root` or a directory.

    Raises:
        UsageError: it is not a run; the message says what it is.
    """
    path = next((path for path in (root / name, Path(name)) if os.path.lexists(path)), None)
    if path is None:
        if group := [run.name for where in (root / name, Path(name)) for run in members(where)]:
            raise UsageError(f"{name} is a group of runs, not a run; name those to remove: {' '.join(group)}")
        raise UsageError(unknown_name("run", name, [run.name for run in runs(root)]) + "; `gan runs ls` lists them")
    path = Path(os.path.abspath(path))
    if path.is_symlink():
        raise UsageError(f"{name} is a symbolic link, not a run; remove the link itself, or name the directory")
    if not path.is_dir():
        raise UsageError(f"{name} is a file, not a run directory; nothing was removed")
    if path.parent.name == "checkpoints" and (path / MANIFEST).is_file():
        raise UsageError(f"{name} is a checkpoint, not a run; nothing was removed")
    if not is_run(path):
        raise UsageError(
            f"{name} is not a run of gancli: it has no manifest of one, or a damaged one; nothing was removed. "
            "If it is yours to remove, remove the directory itself"
        )
    return Run(path)


def remove_run(run: Run) -> None:
    """Remove a run, which the caller has locked. It is renamed first, so that no half of a run is ever listed.

    Raises:
        DiskError: it cannot be removed.
    """
    doomed = temporary_path(run.path, REMOVED)
    with disk_errors(run.path):
        os.rename(run.path, doomed)
        shutil.rmtree(doomed)


def _check_vacant(path: Path, *, resumable: bool) -> None:
    if is_vacant(path):
        return
    if resumable and (path / MANIFEST).is_file():
        raise UsageError(f"{path} already contains a run; add --resume to continue it, or choose another --out")
    problem = "already exists" if (path / MANIFEST).is_file() else "exists and is not a run directory"
    raise UsageError(f"{path} {problem}; choose another --out")


def _remove_claim(path: Path, created: list[Path]) -> None:
    """Remove what a failed block wrote into a directory that was empty, and the directories made for it."""
    for entry in path.iterdir() if path.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != LOCK:
            entry.unlink(missing_ok=True)
    with suppress(OSError):
        (path / LOCK).unlink(missing_ok=True)
        for folder in created or [path]:
            folder.rmdir()
