"""What every bundled setting reaches: the figures in the families' READMEs.

    python benchmarks/quality.py --data ../shared/data/mnist            one seed of every setting
    python benchmarks/quality.py --only gan-mnist --seeds 0,1,2

A setting is a recipe with a cap on its images, so that none takes longer than a few minutes on two CPU cores. The
log-likelihood follows the protocol of Goodfellow et al. 2014: 10,000 samples, sigma chosen on 1,000 images held out of
the training set, the mean over the 10,000 test images and its standard error.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from gancli.data.dataset import open_dataset
from gancli.engine.drawing import draw
from gancli.engine.model import Model, open_model
from gancli.engine.trainer import Trainer
from gancli.metrics.parzen import ParzenResult, parzen
from gancli.pictures import sheet, to_pixels, write_png
from gancli.recipe import load_recipe
from gancli.run import Run

SETTINGS = {
    "gan-mnist": [],
    "paper/gan-mnist-mlp": ["data.limit=50000"],
    "paper/gan-mnist": ["train.images=400_000"],
}
"""Recipes on MNIST, with what is changed so that they hold out images and end in minutes."""

SAMPLES = 10_000
CPU = torch.device("cpu")


def likelihood(model: Model, data: Path) -> ParzenResult:
    """Parzen-window log-likelihood of a model of MNIST, in [0, 1]."""
    held_out = open_dataset(load_recipe("gan-mnist", [f"data.root={data}", "data.limit=null"]).data)
    test = open_dataset(load_recipe("gan-mnist", [f"data.root={data}", "data.limit=null", "data.split=test"]).data)
    validation, unseen = (
        torch.from_numpy(images.copy()).double() / 255 for images in (held_out.images[50_000:51_000], test.images)
    )
    samples = (draw(model, range(SAMPLES), []).double() + 1) / 2
    return parzen(samples, validation, unseen)


def measure(name: str, options: list[str], data: Path, seed: int, out: Path | None) -> float:
    """Trains one setting with one seed, prints a row, and returns the log-likelihood."""
    recipe = load_recipe(name, [*options, f"data.root={data}", f"train.seed={seed}"])
    packed = open_dataset(recipe.data)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        run.begin({}, recipe.to_yaml())
        trainer = Trainer(recipe, run, packed, device=CPU)
        begun, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        model = open_model(run.path, device=CPU)
        result = likelihood(model, data)
        if out is not None:
            file = out / f"{name.replace('/', '-')}-seed{seed}.png"
            write_png(file, sheet(to_pixels(draw(model, range(64), []))), metadata={"recipe": name, "seed": seed})
    print(
        f"{name:22} seed {seed}  {trainer.position.images:>9,} images  {seconds:4.0f} s ({cpu:4.0f} s CPU)  "
        f"log-likelihood {result.mean:6.1f} +- {result.standard_error:.1f} (standard error), sigma {result.sigma:.3f}",
        flush=True,
    )
    return result.mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mnist"), help="the four idx files of MNIST")
    parser.add_argument("--only", choices=list(SETTINGS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", type=Path, help="a directory for pictures")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"no MNIST at {arguments.data}: name its folder with --data")
    for name in [arguments.only] if arguments.only else SETTINGS:
        seeds = [int(seed) for seed in arguments.seeds.split(",")]
        means = [measure(name, SETTINGS[name], arguments.data, seed, arguments.out) for seed in seeds]
        if len(means) > 1:
            print(
                f"{name:22} mean {statistics.mean(means):.1f}, spread {statistics.stdev(means):.1f} ({arguments.seeds})"
            )


if __name__ == "__main__":
    main()
