"""Peak memory of PGGAN's full networks: a step of both players at every level up to 1024x1024.

    python benchmarks/memory.py
    python benchmarks/memory.py --side 256 --batch 4 --precision bf16

Uses the published networks and losses, including the gradient penalty, on random images. Prints the peak of every
level's step. On a CPU this is the resident set of the process, including the interpreter, its libraries and the
optimizers' moments.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from gancli.data.sources.synthetic import synthetic
from gancli.data.spec import DataSpec
from gancli.recipes.recipe import load_recipe
from gancli.runs.run import Run
from gancli.runtime.device import choose_device
from gancli.runtime.memory import peak, reset_peak
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="fp32")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        recipe_file = Path(folder) / "measured.yaml"
        recipe_file.write_text(
            f"family: pggan\ndata: {{source: photos, resolution: {arguments.side}}}\n"
            "model: {stable_images: 1, fade_images: 0}\n"
            f"train: {{images: 1_000_000, batch_size: {arguments.batch}, precision: {arguments.precision}}}\n"
        )
        packed = synthetic(DataSpec(channels=3, height=arguments.side, width=arguments.side), count=arguments.batch)
        trainer = Trainer(
            build_training(load_recipe(str(recipe_file)), Run(Path(folder) / "run"), packed, device=device)
        )
        for planned in trainer.plan.stages:
            reset_peak(device)
            begun = time.perf_counter()
            trainer.step()
            seconds = time.perf_counter() - begun
            print(
                f"{planned.stage.name:>10}, batch {arguments.batch}: {peak(device) / 1e9:5.2f} GB peak memory, "
                f"{seconds:6.1f} s for the first step",
                flush=True,
            )


if __name__ == "__main__":
    main()
