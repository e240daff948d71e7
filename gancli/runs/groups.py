"""Groups of runs: runs of one recipe with several seeds, trained by one `gan train --seeds`.

The runs of the group `runs/cgan` are `runs/cgan-seed0`, `runs/cgan-seed1` and so on: ordinary run directories whose
manifests name the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gancli.errors import DataError, UsageError
from gancli.recipes.recipe import Recipe, load_recipe
from gancli.runs.run import MANIFEST, RUNS, SEED, Run, is_named_after, run_of, runs

CLASSES = "data.classes"

FREE_OPTIONS = ("train.seed", CLASSES, "train.log_every", "train.preview_every", "train.checkpoint_every", "train.keep")
"""Options that may differ between runs whose values are averaged."""


def member(group: Path, seed: int) -> Run:
    """Return the run of a seed, which may not exist yet."""
    return Run(group.with_name(f"{group.name}{SEED}{seed}"))


def members(group: Path) -> list[Run]:
    """Return the runs of a group that have begun, ordered by seed; an empty list if there is no such group.

    Raises:
        DataError: a manifest is damaged.
    """
    prefix = f"{group.name}{SEED}"
    begun = [path for path in _folders(group.parent) if path.name.startswith(prefix) and (path / MANIFEST).is_file()]
    candidates = [Run(path) for path in begun if path.name.removeprefix(prefix).isdecimal()]
    in_group = [run for run in candidates if run.manifest().get("group") == group.name]
    return sorted(in_group, key=lambda run: int(run.name.removeprefix(prefix)))


def newest_group(name: str, root: Path = RUNS) -> Path | None:
    """Return the most recently changed group that is named after `name`; None if there is none."""
    for run in runs(root):
        with suppress(DataError):  # damaged runs are passed over
            group = run.manifest().get("group")
            if group and is_named_after(group, name):
                return root / str(group)
    return None


def expand_groups(paths: Sequence[Path]) -> list[Path]:
    """Return run and checkpoint directories, with each group replaced by its runs.

    Raises:
        UsageError: a run is named twice.
    """
    expanded: list[Path] = []
    for path in paths:
        expanded += [path] if path.is_dir() else [run.path for run in members(path)] or [path]
    seen: set[Path] = set()
    for path in expanded:
        if path.resolve() in seen:
            raise UsageError(f"{path} is named twice; name each run once")
        seen.add(path.resolve())
    return expanded


def check_same_recipe(paths: Sequence[Path]) -> bool:
    """Check that runs to be averaged have the same recipe, and different seeds or classes.

    Args:
        paths: run or checkpoint directories, at least one.

    Returns:
        True if the mean is over classes, as in papers on anomaly detection: the runs were trained on different classes.

    Raises:
        UsageError: other options than seed and classes differ, or two runs have the same, or a run has no recipe.
    """
    first, *others = paths
    options = {path: _options(path) for path in paths}
    for path in others:
        before, now = options[first], options[path]
        changed = [
            f"{key} ({before.get(key)!r}, {now.get(key)!r})"
            for key in {**before, **now}
            if before.get(key) != now.get(key) and key not in FREE_OPTIONS
        ]
        if changed:
            raise UsageError(
                f"{first} and {path} have different recipes, but means are over seeds or classes of one recipe: "
                f"{', '.join(changed)}; compare different recipes with --compare"
            )
    classes = {path: str(values.get(CLASSES)) for path, values in options.items()}
    first_run: dict[Any, Path] = {}
    for path, values in options.items():
        other = first_run.setdefault((classes[path], seed := values["train.seed"]), path)
        if other is not path:
            raise UsageError(f"{other} and {path} have the same seed, {seed}; leave out one of them")
    return len(set(classes.values())) > 1


def flatten_options(recipe: Recipe) -> dict[str, Any]:
    """Return every option of a recipe by its full name, such as `train.images`."""
    options: dict[str, Any] = {}
    for section, value in recipe.to_dict().items():
        if isinstance(value, Mapping):
            options |= {f"{section}.{key}": option for key, option in value.items()}
        else:
            options[section] = value
    return options


def _options(path: Path) -> dict[str, Any]:
    run = run_of(path)
    if not run.has_recipe():
        raise UsageError(f"{path} has no recipe to compare with those of other runs; evaluate it alone")
    options = flatten_options(load_recipe(str(run.recipe)))
    return {key: value for key, value in options.items() if not key.startswith("eval.")}


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else iter(())
