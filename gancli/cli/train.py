"""`gan train`: train a recipe once, or once for each of several seeds (`--seeds`)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancli.cli.options import Device, Set
from gancli.errors import Collapse, DataError, Interrupted, UsageError
from gancli.runs.run import MANIFEST, Run, runs_of

if TYPE_CHECKING:
    from gancli.plugins.hookspecs import TrackerInfo
    from gancli.recipes.recipe import Recipe

MAY_CHANGE = ("images", "log_every", "preview_every", "checkpoint_every", "keep")
"""Options of `train:` that may differ when a run is resumed, because they do not affect the steps already taken. All
options of `eval:` may differ.
"""

SEED_OPTION = "train.seed"


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or name of a bundled recipe.")],
    overrides: Set = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="S,S,...",
            help="Train a group: one run for each seed, runs/<recipe>-seed<S>. `gan eval runs/<recipe>` then reports "
            "mean and spread.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue exactly where the newest run stopped.")] = False,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Run directory (default: runs/<recipe>).")] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(metavar="TRACKER", help="Also report to this tracker, such as tensorboard."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure the time and memory of each stage, print them, write nothing.")
    ] = False,
) -> None:
    """Train the networks of a recipe."""
    if seeds is None:
        train_run(recipe, overrides or [], resume=resume, device=device, out=out, dry_run=dry_run, track=track or [])
    else:
        train_group(
            recipe,
            overrides or [],
            seeds=seeds,
            resume=resume,
            device=device,
            out=out,
            dry_run=dry_run,
            track=track or [],
        )


def train_run(
    target: str,
    overrides: Sequence[str],
    *,
    resume: bool = False,
    device: str,
    out: Path | None = None,
    dry_run: bool = False,
    track: Sequence[str] = (),
) -> Run:
    """Train a recipe, or resume its newest run, and return the run.

    Args:
        target: recipe file, or name of a bundled recipe.
        overrides: options as `--set` takes them.
        resume: continue an existing run.
        device: device name as `--device` takes it.
        out: run directory (default: chosen from the name of the recipe).
        dry_run: print a forecast and write nothing.
        track: names of trackers.

    Raises:
        Interrupted: a signal stopped the run after a checkpoint was saved.
        GanError: any other error that the user can act on.
    """
    from gancli.plugins.registry import named_trackers
    from gancli.recipes.recipe import load_recipe

    recipe, trackers = load_recipe(target, overrides), named_trackers(track)
    if dry_run:
        from gancli.cli.dry_run import forecast_run

        return forecast_run(recipe, device, out)
    command = resume_command(target, overrides, device, out, track=track)
    return _start_or_resume(recipe, resume=resume, out=out, device_name=device, trackers=trackers, resuming=command)


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
) -> None:
    """Train one run for each seed; with `resume`, continue unfinished runs and start missing ones.

    Args:
        target: recipe, as in `train_run`.
        overrides: options as in `train_run`, without the seed.
        seeds: comma-separated seeds.
        resume: continue the newest group of the recipe, or the group `out`; seeds may be added.
        device: device name.
        out: name and location of the group: the run of a seed is `<out>-seed<seed>`.
        dry_run: print a forecast of the first run.
        track: names of trackers.

    Raises:
        Interrupted: a signal stopped a run after a checkpoint was saved; later runs have not started.
        GanError: any other error that the user can act on.
    """
    from gancli.plugins.registry import named_trackers
    from gancli.recipes.recipe import load_recipe
    from gancli.runs.groups import member

    numbers = _parse_seeds(seeds, overrides)
    recipes = [load_recipe(target, [*overrides, f"{SEED_OPTION}={seed}"]) for seed in numbers]
    trackers = named_trackers(track)
    if dry_run:
        from gancli.cli.dry_run import forecast_run

        print(f"{len(numbers)} runs, one after the other; forecast of each:")
        forecast_run(recipes[0], device, None)
        return
    group = _choose_group(recipes[0].name, numbers[0], resume=resume, out=out)
    command = resume_command(target, overrides, device, out, seeds=seeds, track=track)
    for seed, recipe in zip(numbers, recipes, strict=True):
        path = member(group, seed).path
        print(f"seed {seed}: {path}", flush=True)
        _start_or_resume(
            recipe,
            resume=(path / MANIFEST).is_file(),
            out=path,
            device_name=device,
            trackers=trackers,
            group=group.name,
            resuming=command,
        )
    print(f"next: gan eval {shlex.quote(str(group))}")


def resume_command(
    target: str,
    overrides: Sequence[str],
    device: str,
    out: Path | None,
    *,
    seeds: str | None = None,
    track: Sequence[str] = (),
) -> str:
    """Return the command line that resumes what these arguments started."""
    words = ["gan", "train", target, *(word for item in overrides for word in ("--set", item))]
    if seeds is not None:
        words += ["--seeds", seeds]
    if device != "auto":
        words += ["--device", device]
    words += [word for name in track for word in ("--track", name)]
    if out is not None:
        words += ["--out", str(out)]
    return shlex.join([*words, "--resume"])


def _start_or_resume(
    recipe: Recipe,
    *,
    resume: bool,
    out: Path | None,
    device_name: str,
    trackers: Sequence[TrackerInfo],
    group: str | None = None,
    resuming: str,
) -> Run:
    from gancli.runs.directories import claim, claim_new

    if resume:
        run = _find_run(recipe, out)
        _check_same_options(recipe, run)
        claimed: AbstractContextManager[Any] = run.lock()
    else:
        claimed = claim_new(recipe.name) if out is None else claim(out, resumable=True)
    with claimed as new:
        run = run if resume else new
        _train(recipe, run, resume=resume, device_name=device_name, trackers=trackers, group=group, resuming=resuming)
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
    from gancli.cli.display.live import display
    from gancli.cli.display.progress import progress_bar
    from gancli.cli.report import report_at_end
    from gancli.data.dataset import open_dataset
    from gancli.runs.checkpoint import complete
    from gancli.runs.manifest import run_manifest
    from gancli.runtime.device import choose_device
    from gancli.trackers.tracker import Start
    from gancli.training.callbacks import tracking
    from gancli.training.setup import build_training
    from gancli.training.signals import GracefulStop
    from gancli.training.trainer import Trainer

    device = choose_device(device_name)
    with progress_bar(recipe.data.source) as progress:
        dataset = open_dataset(recipe.data, progress=progress)
    if resume:
        _check_same_data(run, dataset.fingerprint)
    with progress_bar(recipe.data.source, "reducing") as progress:
        setup = build_training(recipe, run, dataset, device=device, progress=progress)
    with GracefulStop() as stop, display(recipe, run) as view:
        trainer = Trainer(setup, [view])
        if resume and complete(run.checkpoints):
            for fault in trainer.resume():
                view.print(f"skipped: {fault}")
        manifest = run.manifest() if resume else run_manifest(recipe, dataset, device=device, total=trainer.total)
        manifest |= {"images": trainer.total, "references": dict(trainer.family.optimum_values)}
        manifest |= {"group": group} if group else {}
        run.begin(manifest, recipe.to_yaml())
        view.started(trainer)
        try:
            images = trainer.state.images
            start = Start(path=run.path, name=run.name, recipe=recipe.to_dict(), manifest=manifest, images=images)
            with tracking(trackers, start, view.on_warning) as tracker:
                trainer.callbacks.append(tracker)
                completed = trainer.train(stop)
        except Collapse:
            report_at_end(run, device=device_name)
            raise
    if not completed:
        raise Interrupted(f"stopped at {trainer.state.images:,} images and saved; continue with:\n  {resuming}")
    try:
        report = report_at_end(run, device=device_name)
    except KeyboardInterrupt:
        message = f"{run.path} is trained and saved, but its report was interrupted; write it with:\n  gan report"
        raise Interrupted(f"{message} {shlex.quote(str(run.path))}") from None
    view.finished(trainer, report)


def _find_run(recipe: Recipe, out: Path | None) -> Run:
    """Return the run to resume."""
    if out is None:
        candidates = runs_of(recipe.name)
        if not candidates:
            raise UsageError(f"runs/ contains no run of {recipe.name!r} to resume; omit --resume to start one")
        return candidates[0]
    if not (out / MANIFEST).is_file():
        raise UsageError(f"{out} contains no run to resume; omit --resume to start one there")
    return Run(out)


def _choose_group(name: str, seed: int, *, resume: bool, out: Path | None) -> Path:
    from gancli.runs.directories import claim_group
    from gancli.runs.groups import members, newest_group

    if out is None and resume:
        group = newest_group(name)
        if group is None:
            raise UsageError(f"runs/ contains no group of runs of {name!r} to resume; omit --resume to start one")
        return group
    if out is None:
        return claim_group(name, seed)
    if (out / MANIFEST).is_file():
        raise UsageError(f"{out} is a single run, so it cannot be the name of a group; choose another --out")
    exists = bool(members(out))
    if resume and not exists:
        raise UsageError(f"{out} is not a group of runs to resume; omit --resume to start one there")
    if exists and not resume:
        raise UsageError(f"{out} is already a group of runs; add --resume to continue it, or choose another --out")
    return out


def _parse_seeds(text: str, overrides: Sequence[str]) -> list[int]:
    from gancli.cli.shared.seed_arithmetic import parse_seeds

    if any(override.partition("=")[0].strip() == SEED_OPTION for override in overrides):
        raise UsageError(f"--seeds sets the seed of each run, which contradicts --set {SEED_OPTION}; omit one of them")
    seeds = parse_seeds(text)
    repeated = next((seed for index, seed in enumerate(seeds) if seed in seeds[:index]), None)
    if repeated is not None:
        raise UsageError(f"--seeds {text} contains {repeated} twice; give each seed once")
    return seeds


def _check_same_options(recipe: Recipe, run: Run) -> None:
    """Raise UsageError if the run was started with options that may not change."""
    from gancli.recipes.recipe import load_recipe
    from gancli.runs.groups import flatten_options

    if not run.has_recipe():
        raise UsageError(f"{run.path} has no recipe, so it cannot be resumed; it holds networks from another program")
    original = load_recipe(str(run.recipe))
    if recipe.info.name != original.info.name:
        raise UsageError(
            f"{run.path} is a run of the family {original.info.name!r}, not {recipe.info.name!r}; choose another --out"
        )
    before, now = flatten_options(original), flatten_options(recipe)
    free = {f"train.{name}" for name in MAY_CHANGE}
    changed = [key for key in now if now[key] != before.get(key) and key not in free and not key.startswith("eval.")]
    if changed:
        differences = ", ".join(f"{key} ({before.get(key)!r} then, {now[key]!r} now)" for key in changed)
        raise UsageError(f"{run.path} was started with other options: {differences}; restore them, or start a new run")


def _check_same_data(run: Run, fingerprint: str) -> None:
    original = run.manifest().get("fingerprint") or "none"
    if original != fingerprint:
        raise DataError(
            f"the data of {run.path} has changed since the run started ({original[:12]} then, {fingerprint[:12]} now); "
            "restore it, or start a new run without --resume"
        )
