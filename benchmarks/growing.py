"""Training of a growing network at every level: PGGAN on a folder of real photographs, measured as it grows.

    python benchmarks/growing.py --shared ../shared/data
    python benchmarks/growing.py --seed 1 --out runs/growing

Writes 4,000 images of CIFAR-10 from the sheets in `<shared>/cifar10` to a folder of PNG files and trains the bundled
recipe `pggan` on that folder from 4x4 to 32x32. At the beginning and the end of every level that 7x7 patches fit into,
it measures the sliced Wasserstein distance to the real images of that level and, as a reference, the distance between
two halves of the real images of the same size.
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
from gancli.metrics import swd
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
    """Write every image to its own file; in the sheets, each is one row of pixels."""
    rows = []
    for file in sorted((shared / "cifar10").glob("*.png")):
        with Image.open(file) as picture:
            rows.append(np.asarray(picture.convert("RGB")))
    for index, image in enumerate(np.concatenate(rows).reshape(-1, SIDE, SIDE, 3)):
        Image.fromarray(image).save(folder / f"{index:05d}.png")


def distances(run: Run, samples: int) -> tuple[float, float]:
    """Return the SWD of generated images, and of two halves of the real images."""
    measured, *_ = measure(run.path, Request(metrics="swd", options=Options(samples=samples), device="cpu"))
    values = {each["metric"]: each["value"] for each in measured.records}
    return values["swd"], values["swd/real"]


class Until(GracefulStop):
    """Stops a resumable training after a number of images, since `train.images` would change the schedules."""

    def __init__(self, trainer: Trainer, images: int) -> None:
        super().__init__()
        self._trainer, self._images = trainer, images

    @property
    def requested(self) -> bool:
        return self._trainer.state.images >= self._images


def grow(root: Path, out: Path, options: list[str], seed: int, samples: int) -> None:
    """Train from one stop to the next."""
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
            if min(height, width) >= swd.PATCH_SIDE:
                generated, real = distances(run, samples)
                print(
                    f"seed {seed}  {height:>3}x{width:<3} {when:>5}  {images:>8,} images {spent:5.0f} s  "
                    f"SWD {generated:7.2f}  real against real {real:5.2f}  ratio {generated / real:5.2f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder that contains cifar10/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=COUNT // 2, help="number of images to compare")
    parser.add_argument("--out", type=Path, help="run directory (default: a temporary directory)")
    parser.add_argument("--set", action="append", default=[], dest="options", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    if not (arguments.shared / "cifar10").is_dir():
        sys.exit(f"{arguments.shared} contains no cifar10/; name its folder with --shared")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photographs"
        root.mkdir()
        cut(arguments.shared, root)
        out = arguments.out or Path(folder) / "run"
        grow(root, out, arguments.options, arguments.seed, arguments.samples)


if __name__ == "__main__":
    main()
