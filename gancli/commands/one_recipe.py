"""Whether runs are of one recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gancli.errors import UsageError
from gancli.recipe import Recipe, load_recipe
from gancli.run import run_of

CLASSES = "data.classes"
FREE = ("train.seed", CLASSES, "train.log_every", "train.preview_every", "train.checkpoint_every", "train.keep")
"""Options in which the runs of one mean may differ."""


def check_one_recipe(paths: Sequence[Path]) -> bool:
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
