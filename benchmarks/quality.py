"""Results of every bundled recipe: train the settings, measure them, and store the values.

    python benchmarks/quality.py --shared ../shared/data              three seeds of every setting that is not done yet
    python benchmarks/quality.py --only cgan-mnist --seeds 0 --out pictures
    python benchmarks/results.py                                      write docs/results.md from the stored values

A setting is a bundled recipe, with fewer images if it is long (see `settings.py`). Every training and its values are a
line in the file of `--figures` and are not repeated unless the recipe has changed. Every training uses one thread, so
results do not depend on the number of cores; `--jobs` trainings run at once. All settings are run with the first seed
before any setting with the second. Some settings need data that are not part of this project, in the folder of
`--shared`: MNIST's four idx files in `mnist/`, the weights of the LeNet that classifies digits in `features/` (see
`mnist_judge.py`), photographs and masks in `nuclei/`, and `set5/` (see `shared_data.py`). Settings without their data
are skipped.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import figures
import torch
from figures import Figures
from settings import SETTINGS, Setting

from gancli.cli.shared.seed_arithmetic import parse_seeds
from gancli.data.dataset import open_dataset
from gancli.errors import GanError
from gancli.family.tasks import Samples
from gancli.inference.model import Model, open_model
from gancli.inference.sample import sample_images
from gancli.io.images import make_grid, to_pixels, write_png
from gancli.recipes.recipe import load_recipe
from gancli.runs import checkpoint as checkpoints
from gancli.runs.manifest import run_manifest
from gancli.runs.run import Run
from gancli.training.callbacks import Callback
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

CPU = torch.device("cpu")


class Warnings(Callback):
    """Prints warnings of the training, such as a collapse."""

    def on_warning(self, sentence: str) -> None:
        print(f"warning: {sentence}", flush=True)

    def on_rollback(self, reason: str, images: int) -> None:
        print(f"rolled back to {images:,} images: {reason}", flush=True)


def run_setting(setting: Setting, shared: Path, seed: int, out: Path | None) -> Figures:
    """Train one setting with one seed, and measure its last and its best checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        data, run = Path(folder) / "data", Run(Path(folder) / "run")
        options = [*setting.options, *setting.data(shared.resolve(), data), f"train.seed={seed}"]
        recipe = load_recipe(setting.recipe, options)
        packed = open_dataset(recipe.data)
        trainer = Trainer(build_training(recipe, run, packed), [Warnings()])
        run.begin(run_manifest(recipe, packed, device=CPU, total=trainer.total), recipe.to_yaml())
        begun, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        model = open_model(run.path, device=CPU)
        found = setting.measure(model, recipe, run, shared)
        best = checkpoints.find_best(run.checkpoints)
        kept = None
        if best is not None and best.images != model.images:
            kept = setting.measure(open_model(run.checkpoints / str(best.images), device=CPU), recipe, run, shared)
        if out is not None:
            picture(setting.name, run, model, seed, out)
    return Figures(
        setting=setting.name,
        digest=figures.digest(setting.recipe, setting.options),
        seed=seed,
        images=trainer.state.images,
        seconds=seconds,
        cpu_seconds=cpu,
        precision="bf16" if trainer.setup.dtype == torch.bfloat16 else "fp32",
        torch=torch.__version__.partition("+")[0],
        last=found.figures,
        best=kept.figures if kept else None,
        best_by=best.metric if best else None,
        protocols=found.protocols,
    )


def show(row: Figures) -> None:
    """Print results on one line."""
    shown = "  ".join(f"{name} {value:.4g}" for name, value in row.last.items())
    print(
        f"{row.setting:20} seed {row.seed}  {row.images:>9,} images  {row.seconds:4.0f} s "
        f"({row.cpu_seconds:4.0f} s CPU)  {shown}",
        flush=True,
    )


def picture(name: str, run: Run, model: Model, seed: int, out: Path) -> None:
    """Write 64 samples, or a row of ten samples for each label; for other models, the last figure of the run."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name.replace('/', '-')}-seed{seed}.png"
    if not isinstance(model.family, Samples) or model.mixture is not None:
        shutil.copy(sorted(run.samples.glob("*.png"))[-1], file)
        return
    columns = 10 if model.labels else 8
    labels = [label for label in range(len(model.labels)) for _ in range(columns)]
    drawn = sample_images(model, [*range(columns)] * len(model.labels) if labels else range(64), labels)
    write_png(file, make_grid(to_pixels(drawn), columns=columns), metadata={"recipe": name, "seed": seed})


def summarise(rows: list[Figures]) -> None:
    """Print mean and standard deviation over seeds of all common values."""
    names = [name for name in rows[0].last if all(name in row.last for row in rows)]
    columns = {name: [row.last[name] for row in rows] for name in names}
    parts = (f"{name} {statistics.mean(found):.4g} +- {statistics.stdev(found):.2g}" for name, found in columns.items())
    print(f"{rows[0].setting:20} mean +- spread of {len(rows)} seeds:  {'  '.join(parts)}", flush=True)


def main() -> None:
    arguments = _arguments()
    settings = [SETTINGS[name] for name in arguments.only or SETTINGS]
    complete = [setting for setting in settings if not _lacks_data(setting, arguments.shared)]
    done = {} if arguments.repeat else _done(complete, arguments.figures)
    wanted = [(setting.name, seed) for seed in arguments.seeds for setting in complete]
    for task in wanted:
        if task in done:
            show(done[task])
    for row in _trained([task for task in wanted if task not in done], arguments):
        figures.append(arguments.figures, row)
        done[row.setting, row.seed] = row
        show(row)
    for setting in complete:
        rows = [done[setting.name, seed] for seed in arguments.seeds if (setting.name, seed) in done]
        if len(rows) > 1:
            summarise(rows)
    if failed := sum(task not in done for task in wanted):
        sys.exit(f"{failed} trainings failed; run the same command to try them again")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the shared data")
    parser.add_argument("--only", choices=list(SETTINGS), nargs="+", help="settings (default: all)")
    parser.add_argument("--seeds", type=parse_seeds, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="number of trainings at once, each in its own process")
    parser.add_argument("--figures", type=Path, default=figures.WHERE, help="file of the stored results")
    parser.add_argument("--repeat", action="store_true", help="repeat trainings that are done")
    parser.add_argument("--out", type=Path, help="directory for images")
    return parser.parse_args()


def _lacks_data(setting: Setting, shared: Path) -> bool:
    """Return True if the data of a setting are missing, and print a message."""
    missing = [need for need in setting.needs if not (shared / need).is_dir()]
    if missing:
        print(f"{setting.name:20} skipped: {shared} has no {' and no '.join(missing)}", flush=True)
    return bool(missing)


def _done(settings: Iterable[Setting], file: Path) -> dict[tuple[str, int], Figures]:
    """Return the stored results of the current settings, by setting and seed."""
    at_hand = figures.read(file)
    current = {setting.name: figures.digest(setting.recipe, setting.options) for setting in settings}
    found = (row for name, digest in current.items() for row in figures.of_setting(at_hand, name, digest))
    return {(row.setting, row.seed): row for row in found}


def _trained(tasks: Sequence[tuple[str, int]], arguments: argparse.Namespace) -> Iterator[Figures]:
    """Yield results as they are completed; failures are printed and do not stop other trainings."""
    every = [(name, seed, arguments.shared, arguments.out) for name, seed in tasks]
    if arguments.jobs == 1:
        yield from filter(None, (_attempt(*each) for each in every))
        return
    # Each training has its own process, so that trainings do not affect each other; only the parent writes.
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(arguments.jobs, mp_context=fresh, max_tasks_per_child=1)
    try:
        for future in as_completed([pool.submit(_attempt, *each) for each in every]):
            if row := future.result():
                yield row
    except KeyboardInterrupt:
        for process in multiprocessing.active_children():  # otherwise the queued trainings would still run
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _attempt(name: str, seed: int, shared: Path, out: Path | None) -> Figures | None:
    """Train and measure one setting; return None if that fails."""
    torch.set_num_threads(1)
    try:
        return run_setting(SETTINGS[name], shared, seed, out)
    except GanError as error:
        print(f"{name:20} seed {seed}  failed: {error}", file=sys.stderr, flush=True)
        return None


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command to continue")
