"""`gan train --seeds`: one recipe trained with several seeds, a run each, one after the other."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gancli.commands.groups import member, members, newest_group
from gancli.commands.train import resuming_command, train
from gancli.errors import UsageError
from gancli.expression import parse_seeds
from gancli.recipe import load_recipe
from gancli.run import MANIFEST, Run, new_run

SEED_OPTION = "train.seed"


def train_group(
    target: str,
    overrides: Sequence[str],
    *,
    seeds: str,
    resume: bool,
    device: str,
    out: Path | None,
    dry_run: bool,
    track: Sequence[str] = (),
) -> list[Run]:
    """Trains a group of runs; with `resume` goes on with those that stopped, and begins those that never began.

    Args:
        target: a recipe, as `train` takes it.
        overrides: as `train` takes them; the seed is none of them.
        seeds: with commas between them.
        resume: goes on with the newest group of the recipe, or that of `out`; it may be given more seeds.
        device: where to compute.
        out: the group's name and place: a run lies at `<out>-seed<seed>`.
        dry_run: forecasts the first run, which stands for all.
        track: names of trackers to tell of each run.

    Raises:
        Interrupted: stopped by a signal, and saved; the runs after it have not begun.
        GanError: anything else a user can act on.
    """
    chosen = _seeds(seeds, overrides)
    recipes = [[*overrides, f"{SEED_OPTION}={seed}"] for seed in chosen]
    name = load_recipe(target, recipes[0]).name
    if dry_run:
        print(f"{len(chosen)} runs, one after the other, of which each would be:")
        return [train(target, recipes[0], resume=False, device=device, out=None, dry_run=True, track=track)]
    group = _choose_group(name, resume=resume, out=out)
    resuming = resuming_command(target, overrides, device, out, seeds=seeds, track=track)
    one = partial(train, target, device=device, dry_run=False, track=track, group=group.name, resuming=resuming)
    trained = []
    for seed, options in zip(chosen, recipes, strict=True):
        run = member(group, seed)
        print(f"seed {seed}: {run.path}", flush=True)
        trained.append(one(options, resume=(run.path / MANIFEST).is_file(), out=run.path))
    print(f"next: gan eval {shlex.quote(str(group))}")
    return trained


def _seeds(text: str, overrides: Sequence[str]) -> list[int]:
    if any(override.partition("=")[0].strip() == SEED_OPTION for override in overrides):
        raise UsageError(f"--seeds gives every run its own seed, so --set {SEED_OPTION} contradicts it; leave one out")
    found = parse_seeds(text)
    twice = next((seed for index, seed in enumerate(found) if seed in found[:index]), None)
    if twice is not None:
        raise UsageError(f"--seeds {text} names {twice} twice; name each seed once")
    return found


def _choose_group(name: str, *, resume: bool, out: Path | None) -> Path:
    if out is None and resume:
        group = newest_group(name)
        if group is None:
            raise UsageError(
                f"there is no group of runs of {name!r} under runs/ to resume; leave --resume out to start one"
            )
        return group
    if out is None:
        return new_run(name).path
    if (out / MANIFEST).is_file():
        raise UsageError(f"{out} holds a single run, and a group would go by the same name; choose another --out")
    begun = members(out)
    if resume and not begun:
        raise UsageError(f"{out} is no group of runs to resume; leave --resume out to start one there")
    if begun and not resume:
        raise UsageError(f"{out} is a group of runs already: add --resume to go on with it, or choose another --out")
    return out
