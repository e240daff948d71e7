"""Does a growing network learn at every level? PGGAN on a folder of real photographs, measured as it grows.

    python benchmarks/growing.py --shared ../shared/data
    python benchmarks/growing.py --seed 1 --out runs/growing

Cuts 4,000 images of CIFAR-10 out of the sheets in `<shared>/cifar10` into a folder of PNG files, trains the bundled
recipe `pggan` on that folder from 4x4 to 32x32, and stops at the beginning and the end of every level that 7x7 patches
fit into, to measure the sliced Wasserstein distance to the real images of that level. Beside each: the distance between
two halves of the real images, as many as were compared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gancli.cli.eval import Request, measure
from gancli.data.dataset import open_dataset
from gancli.metrics import sliced_wasserstein
from gancli.metrics.context import Options
from gancli.recipes.recipe import load_recipe
from gancli.runs.manifest import run_manifest
from gancli.runs.run import Run
from gancli.training.setup import build_training
from gancli.training.signals import GracefulStop
from gancli.training.trainer import Trainer

CPU = torch.device("cpu")
COUNT, SIDE = 4_000, 32
OPTIONS = ["data.source=folder", "data.resolution=32", "data.flip=true"]


def cut(shared: Path, folder: Path) -> None:
    """Every image as a file of its own; in the sheets each is one row of pixels."""
    rows = []
    for file in sorted((shared / "cifar10").glob("*.png")):
        with Image.open(file) as picture:
            rows.append(np.asarray(picture.convert("RGB")))
    for index, image in enumerate(np.concatenate(rows).reshape(-1, SIDE, SIDE, 3)):
        Image.fromarray(image).save(folder / f"{index:05d}.png")


def distances(run: Run, samples: int) -> tuple[float, float]:
    """SWD of generated images, and of two halves of the real ones."""
    measured, *_ = measure(run.path, Request(metrics="swd", options=Options(samples=samples), device="cpu"))
    values = {each["metric"]: each["value"] for each in measured.records}
    return values["swd"], values["swd/real"]


class Until(GracefulStop):
    """Stops a trainer, which saves and can go on, after so many images: `train.images` would bend the schedules."""

    def __init__(self, trainer: Trainer, images: int) -> None:
        super().__init__()
        self._trainer, self._images = trainer, images

    @property
    def requested(self) -> bool:
        return self._trainer.state.images >= self._images


def grow(root: Path, out: Path, options: list[str], seed: int, samples: int) -> None:
    """Trains from one stop to the next."""
    recipe = load_recipe("pggan", [*OPTIONS, f"data.root={root}", "data.split=all", f"train.seed={seed}", *options])
    packed, run = open_dataset(recipe.data), Run(out)
    trainer = Trainer(build_training(recipe, run, packed))
    run.begin(run_manifest(recipe, packed, device=CPU, total=trainer.total), recipe.to_yaml())
    spent = 0.0
    for stage in trainer.plan.stages:
        stops = [("end", stage.end)] if stage.stage.fade == 0 else [("begin", stage.start + stage.batch_size)]
        for when, images in stops:
            begun = time.perf_counter()
            trainer.train(Until(trainer, images))
            spent += time.perf_counter() - begun
            height, width = stage.stage.resolution or (SIDE, SIDE)
            if min(height, width) >= sliced_wasserstein.SIDE:
                generated, real = distances(run, samples)
                print(
                    f"seed {seed}  {height:>3}x{width:<3} {when:>5}  {images:>8,} images {spent:5.0f} s  "
                    f"SWD {generated:7.2f}  real against real {real:5.2f}  ratio {generated / real:5.2f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder that holds cifar10/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=COUNT // 2, help="images compared with as many")
    parser.add_argument("--out", type=Path, help="the run; a temporary directory if left out")
    parser.add_argument("--set", action="append", default=[], dest="options", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    if not (arguments.shared / "cifar10").is_dir():
        sys.exit(f"no cifar10/ in {arguments.shared}: name its folder with --shared")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photographs"
        root.mkdir()
        cut(arguments.shared, root)
        out = arguments.out or Path(folder) / "run"
        grow(root, out, arguments.options, arguments.seed, arguments.samples)


if __name__ == "__main__":
    main()
