"""What every bundled recipe reaches: trains the settings, measures them, and keeps the figures.

    python benchmarks/quality.py --shared ../shared/data              three seeds of every setting that is not done yet
    python benchmarks/quality.py --only cgan-mnist --seeds 0 --out pictures
    python benchmarks/results.py                                      docs/results.md, of the figures at hand

A setting is a bundled recipe, where it is long with a cap on its images (see `settings.py`). What was trained and
measured is a line in the file that `--figures` names, and not done again, unless the recipe has changed. Some settings
need data that are no part of this project, in the folder that `--shared` names: MNIST's four idx files in `mnist/`, in
`features/` the weights of the LeNet that judges digits (see `mnist_judge.py`), photographs and masks in `nuclei/`, and
`set5/` (see `shared_data.py`). Where these are not, they are left out.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import figures
import torch
from figures import Figures
from settings import SETTINGS, Setting

from gancli.data.dataset import open_dataset
from gancli.engine import best as best_checkpoint
from gancli.engine.drawing import draw
from gancli.engine.identity import run_manifest
from gancli.engine.listener import Listener
from gancli.engine.model import Model, open_model
from gancli.engine.trainer import Trainer
from gancli.errors import GanError
from gancli.expression import parse_seeds
from gancli.family import Samples
from gancli.pictures import sheet, to_pixels, write_png
from gancli.recipe import load_recipe
from gancli.run import Run

CPU = torch.device("cpu")


class Warnings(Listener):
    """Passes on what training warns of, such as a collapse."""

    def warned(self, sentence: str) -> None:
        print(f"warned: {sentence}", flush=True)

    def rolled_back(self, reason: str, images: int) -> None:
        print(f"rolled back to {images:,} images: {reason}", flush=True)


def run_setting(setting: Setting, shared: Path, seed: int, out: Path | None) -> Figures:
    """Trains one setting with one seed, measures its last checkpoint and its best, and prints a row."""
    with tempfile.TemporaryDirectory() as folder:
        data, run = Path(folder) / "data", Run(Path(folder) / "run")
        options = [*setting.options, *setting.data(shared.resolve(), data), f"train.seed={seed}"]
        recipe = load_recipe(setting.recipe, options)
        packed = open_dataset(recipe.data)
        trainer = Trainer(recipe, run, packed, device=CPU, listener=Warnings())
        run.begin(run_manifest(recipe, packed, device=CPU, total=trainer.total), recipe.to_yaml())
        begun, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        model = open_model(run.path, device=CPU)
        found = setting.measure(model, recipe, run, shared)
        best = best_checkpoint.find(run.checkpoints)
        kept = None
        if best is not None and best.images != model.images:
            kept = setting.measure(open_model(run.checkpoints / str(best.images), device=CPU), recipe, run, shared)
        if out is not None:
            picture(setting.name, run, model, seed, out)
    row = Figures(
        setting=setting.name,
        digest=figures.digest(setting.recipe, setting.options),
        seed=seed,
        images=trainer.position.images,
        seconds=seconds,
        cpu_seconds=cpu,
        last=found.figures,
        best=kept.figures if kept else None,
        best_by=best.metric if best else None,
        protocols=found.protocols,
    )
    show(row)
    return row


def show(row: Figures) -> None:
    """On one line."""
    shown = "  ".join(f"{name} {value:.4g}" for name, value in row.last.items())
    print(
        f"{row.setting:20} seed {row.seed}  {row.images:>9,} images  {row.seconds:4.0f} s "
        f"({row.cpu_seconds:4.0f} s CPU)  {shown}",
        flush=True,
    )


def picture(name: str, run: Run, model: Model, seed: int, out: Path) -> None:
    """64 samples, or ten of each label in a row of its own; of what does not sample, the run's last figure."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name.replace('/', '-')}-seed{seed}.png"
    if not isinstance(model.family, Samples) or model.mixture is not None:
        shutil.copy(sorted(run.samples.glob("*.png"))[-1], file)
        return
    columns = 10 if model.labels else 8
    labels = [label for label in range(len(model.labels)) for _ in range(columns)]
    drawn = draw(model, [*range(columns)] * len(model.labels) if labels else range(64), labels)
    write_png(file, sheet(to_pixels(drawn), columns=columns), metadata={"recipe": name, "seed": seed})


def summarise(rows: list[Figures]) -> None:
    """Mean and spread over seeds of what all of them have."""
    names = [name for name in rows[0].last if all(name in row.last for row in rows)]
    columns = {name: [row.last[name] for row in rows] for name in names}
    parts = (f"{name} {statistics.mean(found):.4g} +- {statistics.stdev(found):.2g}" for name, found in columns.items())
    print(f"{rows[0].setting:20} mean +- spread of {len(rows)} seeds:  {'  '.join(parts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of data and of the judge")
    parser.add_argument("--only", choices=list(SETTINGS))
    parser.add_argument("--seeds", type=parse_seeds, default=[0, 1, 2])
    parser.add_argument("--figures", type=Path, default=figures.WHERE, help="where they are kept")
    parser.add_argument("--anew", action="store_true", help="train again what is done")
    parser.add_argument("--out", type=Path, help="a directory for pictures")
    arguments = parser.parse_args()
    failed = 0
    for name in [arguments.only] if arguments.only else SETTINGS:
        setting = SETTINGS[name]
        missing = [need for need in setting.needs if not (arguments.shared / need).is_dir()]
        if missing:
            print(f"{name:20} left out: no {' and no '.join(missing)} in {arguments.shared}", flush=True)
            continue
        rows = list(_rows(setting, arguments))
        failed += len(arguments.seeds) - len(rows)
        if len(rows) > 1:
            summarise(rows)
    if failed:
        sys.exit(f"{failed} trainings failed; the same command tries them again")


def _rows(setting: Setting, arguments: argparse.Namespace) -> Iterator[Figures]:
    """What is at hand, and what is not, trained and kept at once. What fails is said, and does not stop the others."""
    current = figures.digest(setting.recipe, setting.options)
    at_hand = [] if arguments.anew else figures.of_setting(figures.read(arguments.figures), setting.name, current)
    done = {row.seed: row for row in at_hand}
    for seed in arguments.seeds:
        if seed in done:
            show(done[seed])
            yield done[seed]
            continue
        try:
            row = run_setting(setting, arguments.shared, seed, arguments.out)
        except GanError as error:
            print(f"{setting.name:20} seed {seed}  failed: {error}", file=sys.stderr, flush=True)
            continue
        figures.append(arguments.figures, row)
        yield row


if __name__ == "__main__":
    main()
