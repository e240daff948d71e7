"""Groups of runs: those of one recipe with several seeds, trained by one `gan train --seeds`.

The runs of the group `runs/cgan` are `runs/cgan-seed0`, `runs/cgan-seed1` and so on, directories like those of any
other run. The manifest of each names the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gancli.errors import UsageError
from gancli.recipes.recipe import Recipe, load_recipe
from gancli.runs.run import MANIFEST, RUNS, SEED, Run, is_named_after, run_of, runs


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


CLASSES = "data.classes"

FREE = ("train.seed", CLASSES, "train.log_every", "train.preview_every", "train.checkpoint_every", "train.keep")
"""Options in which the runs of one mean may differ."""


def check_same_recipe(paths: Sequence[Path]) -> bool:
    """Holds runs that a mean is taken over to one recipe, and each to a seed or to classes of its own.

    Args:
        paths: run or checkpoint directories, at least one.

    Returns:
        Whether the mean is over classes, as the papers on anomalies take it: each run was shown others.

    Raises:
        UsageError: they differ in more than their seeds and classes, or not even in these, or one has no recipe.
    """
    first, *others = paths
    known = {path: _options(path) for path in paths}
    for path in others:
        before, now = known[first], known[path]
        changed = [
            f"{key} ({before.get(key)!r}, {now.get(key)!r})"
            for key in {**before, **now}
            if before.get(key) != now.get(key) and key not in FREE
        ]
        if changed:
            raise UsageError(
                f"{first} and {path} are of unlike recipes, and means are over seeds or classes of one: "
                f"{', '.join(changed)}; put unlike runs side by side with --compare"
            )
    classes = {path: str(options.get(CLASSES)) for path, options in known.items()}
    runs: dict[Any, Path] = {}
    for path, options in known.items():
        other = runs.setdefault((classes[path], seed := options["train.seed"]), path)
        if other is not path:
            raise UsageError(f"{other} and {path} have one seed, {seed}; leave one of them out")
    return len(set(classes.values())) > 1


def flat(recipe: Recipe) -> dict[str, Any]:
    """Every option of a recipe by its full name, such as `train.images`."""
    options: dict[str, Any] = {}
    for section, value in recipe.to_dict().items():
        if isinstance(value, Mapping):
            options |= {f"{section}.{key}": option for key, option in value.items()}
        else:
            options[section] = value
    return options


def _options(path: Path) -> dict[str, Any]:
    recipe = run_of(path).recipe
    if not recipe.is_file():
        raise UsageError(f"{path} has no recipe that would say what it has in common with others; measure it alone")
    return {key: value for key, value in flat(load_recipe(str(recipe))).items() if not key.startswith("eval.")}
