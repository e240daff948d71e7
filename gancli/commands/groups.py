"""Groups of runs: those of one recipe with several seeds, trained by one `gan train --seeds`.

The runs of the group `runs/cgan` are `runs/cgan-seed0`, `runs/cgan-seed1` and so on, directories like those of any
other run. The manifest of each names the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gancli.errors import UsageError
from gancli.run import MANIFEST, RUNS, SEED, Run, is_named_after, runs


def member(group: Path, seed: int) -> Run:
    """The run of a seed, which need not exist yet."""
    return Run(group.with_name(f"{group.name}{SEED}{seed}"))


def members(group: Path) -> list[Run]:
    """The runs of a group that have begun, in the order of their seeds; none where there is no such group.

    Raises:
        DataError: a manifest is damaged.
    """
    prefix = f"{group.name}{SEED}"
    begun = [path for path in _folders(group.parent) if path.name.startswith(prefix) and (path / MANIFEST).is_file()]
    found = [Run(path) for path in begun if path.name.removeprefix(prefix).isdecimal()]
    named = [run for run in found if run.manifest().get("group") == group.name]
    return sorted(named, key=lambda run: int(run.name.removeprefix(prefix)))


def newest_group(name: str, root: Path = RUNS) -> Path | None:
    """The group that was most recently worked on, of those that are named after `name`."""
    groups = (run.manifest().get("group") for run in runs(root))
    return next((root / group for group in groups if group and is_named_after(group, name)), None)


def runs_at(paths: Sequence[Path]) -> list[Path]:
    """The run and checkpoint directories that a person means by these paths, where a group stands for its runs.

    Raises:
        UsageError: one is named twice.
    """
    found = [run for path in paths for run in ([path] if path.is_dir() else _paths(members(path)) or [path])]
    twice = [path for index, path in enumerate(found) if path.resolve() in {other.resolve() for other in found[:index]}]
    if twice:
        raise UsageError(f"{twice[0]} is named twice; name each run once")
    return found


def _paths(found: Sequence[Run]) -> list[Path]:
    return [run.path for run in found]


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else iter(())
