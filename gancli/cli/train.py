"""`gan train`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gancli.cli.shared.seed_arithmetic import parse_seeds
from gancli.errors import Collapse, DataError, Interrupted, UsageError
from gancli.io.files import disk_errors
from gancli.plugins.hookspecs import TrackerInfo
from gancli.plugins.registry import named_trackers
from gancli.recipes.recipe import Recipe, load_recipe
from gancli.runs.groups import flat, member, members, newest_group
from gancli.runs.run import MANIFEST, Run, new_run, runs_of
from gancli.trackers.tracker import Start

MAY_CHANGE = ("images", "log_every", "preview_every", "checkpoint_every", "keep")
"""Options of `train:` that a resumed run may be given anew, because they do not touch what was already done. Those of
`eval:` are all free."""


def train(
    target: str,
    overrides: Sequence[str],
    *,
    resume: bool,
    device: str,
    out: Path | None,
    dry_run: bool,
    track: Sequence[str] = (),
    group: str | None = None,
    resuming: str | None = None,
) -> Run:
    """Trains a recipe, or with `resume` goes on with its newest run; returns the run.

    Args:
        target: a recipe file, or the name of a bundled one.
        overrides: as `--set` takes them.
        resume: goes on rather than begins.
        device: as the command line names it.
        out: the run's directory; chosen by the recipe's name, if None.
        dry_run: forecasts, and writes nothing.
        track: names of trackers to tell of it.
        group: of which this run is one, for its manifest.
        resuming: the command that goes on where it stops; this one with `--resume`, if None.

    Raises:
        Interrupted: stopped by a signal, and saved.
        GanError: anything else a user can act on.
    """
    recipe = load_recipe(target, overrides)
    trackers = named_trackers(track)
    if dry_run:
        from gancli.cli.dry_run import forecast_run

        return forecast_run(recipe, device, out)
    run = _choose_run(recipe, resume=resume, out=out)
    if resume:
        _check_same(recipe, load_recipe(str(run.recipe)), run)
    resuming = resuming or resuming_command(target, overrides, device, out, track=track)
    _train(recipe, run, resume=resume, device_name=device, trackers=trackers, group=group, resuming=resuming)
    return run


def _train(
    recipe: Recipe,
    run: Run,
    *,
    resume: bool,
    device_name: str,
    trackers: Sequence[TrackerInfo],
    group: str | None,
    resuming: str,
) -> None:
    from gancli.cli.display.live import display, reading
    from gancli.cli.report import report_at_end
    from gancli.data.dataset import open_dataset
    from gancli.runs.checkpoint import complete
    from gancli.runs.manifest import run_manifest
    from gancli.runtime.device import choose_device
    from gancli.training.callbacks import tracking
    from gancli.training.signals import GracefulStop
    from gancli.training.trainer import Trainer

    device = choose_device(device_name)
    with reading(recipe.data.source) as progress:
        packed = open_dataset(recipe.data, progress=progress)
    if resume:
        _check_same_data(run, packed.fingerprint)
    with reading(recipe.data.source, "reducing") as progress:
        trainer = Trainer(recipe, run, packed, device=device, progress=progress)
    with disk_errors(run.path):
        run.path.mkdir(parents=True, exist_ok=True)
    with GracefulStop() as stop, run.lock(), display(recipe, run) as view:
        trainer.listener = view
        if resume and complete(run.checkpoints):
            for fault in trainer.resume():
                view.say(f"passed over: {fault}")
        manifest = run.manifest() if resume else run_manifest(recipe, packed, device=device, total=trainer.total)
        manifest |= {"images": trainer.total, "references": dict(trainer.family.optimum_values)}
        manifest |= {"group": group} if group else {}
        run.begin(manifest, recipe.to_yaml())
        view.started(trainer)
        try:
            with tracking(trackers, _start(recipe, run, manifest, trainer.position.images), view) as trainer.listener:
                ended = trainer.train(stop)
        except Collapse:
            report_at_end(run, device=device_name)
            raise
    if not ended:
        raise Interrupted(f"stopped at {trainer.position.images:,} images and saved; go on with:\n  {resuming}")
    view.finished(trainer, report_at_end(run, device=device_name))


def _check_same_data(run: Run, fingerprint: str) -> None:
    known = run.manifest()["fingerprint"]
    if known != fingerprint:
        raise DataError(
            f"the data of {run.path} has changed since the run began ({known[:12]} then, {fingerprint[:12]} now): put "
            "it back, or start a new run without --resume"
        )


def _start(recipe: Recipe, run: Run, manifest: Mapping[str, Any], images: int) -> Start:
    return Start(path=run.path, name=run.name, recipe=recipe.to_dict(), manifest=manifest, images=images)


def _choose_run(recipe: Recipe, *, resume: bool, out: Path | None) -> Run:
    if out is None and resume:
        candidates = runs_of(recipe.name)
        if not candidates:
            raise UsageError(f"there is no run of {recipe.name!r} under runs/ to resume; leave --resume out to start")
        return candidates[0]
    if out is None:
        return new_run(recipe.name)
    exists = (out / MANIFEST).is_file()
    if resume and not exists:
        raise UsageError(f"{out} holds no run to resume; leave --resume out to start one there")
    if exists and not resume:
        raise UsageError(f"{out} already holds a run: add --resume to go on with it, or choose another --out")
    if out.exists() and not exists and (not out.is_dir() or any(path.name != ".lock" for path in out.iterdir())):
        raise UsageError(f"{out} exists and is not a run directory; choose another --out")
    return Run(out)


def _check_same(wanted: Recipe, ran: Recipe, run: Run) -> None:
    """Refuses to resume with other options than the run began with."""
    if wanted.info.name != ran.info.name:
        raise UsageError(
            f"{run.path} holds a run of the family {ran.info.name!r}, not {wanted.info.name!r}; choose another --out"
        )
    before, now = flat(ran), flat(wanted)
    free = {f"train.{name}" for name in MAY_CHANGE}
    changed = [key for key in now if now[key] != before.get(key) and key not in free and not key.startswith("eval.")]
    if changed:
        listed = ", ".join(f"{key} ({before.get(key)!r} then, {now[key]!r} now)" for key in changed)
        raise UsageError(f"{run.path} was begun with other options: {listed}; set them back, or start a new run")


def resuming_command(
    target: str,
    overrides: Sequence[str],
    device: str,
    out: Path | None,
    *,
    seeds: str | None = None,
    track: Sequence[str] = (),
) -> str:
    """The command line that goes on with what these arguments began."""
    import shlex

    words = ["gan", "train", target, *(word for item in overrides for word in ("--set", item))]
    if seeds is not None:
        words += ["--seeds", seeds]
    if device != "auto":
        words += ["--device", device]
    words += [word for name in track for word in ("--track", name)]
    if out is not None:
        words += ["--out", str(out)]
    return shlex.join([*words, "--resume"])


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
