"""Training speed relative to plain PyTorch scripts of the same computation, as ratios of interleaved runs.

    python benchmarks/speed.py --data ../shared/data/mnist
    python benchmarks/speed.py --only dcgan32 --rounds 5

Each round runs the plain script and the engine for the same number of images, one after the other and each in its own
process, so that changes in the speed of the machine affect both. Quote the median of the rounds' ratios. The scripts
are those of `plain_scripts.py` and of the other `plain_*.py` files. The engine is measured in fp32 and in bf16, each
relative to the script in fp32, which it would replace, and in bf16 also relative to the script in bf16.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PAIRS = (("fp32", "fp32"), ("bf16", "fp32"), ("bf16", "bf16"))
"""Precision of the engine and of the script."""


@dataclass(frozen=True)
class Workload:
    """A timed workload: options of the engine's recipe, shape of the data (None: MNIST), and durations in images.

    For paired images and for domains, a pair counts as one image.
    """

    family: str
    model: str
    shape: tuple[int, int, int] | None
    resolution: int
    batch_size: int
    warm_up: int
    timed: int
    source: str = "mnist"
    """Data source with the keys that the family reads; if there is a shape, only the name is used."""
    count: int = 2_048
    """Number of random training images, if there is a shape."""
    labels: int = 0
    """Number of labels of the images."""


SRGAN = "{content: vgg54, features_file: FEATURES, mse_images: 0, adversarial_images: 1000000, fine_images: 0}"
"""The adversarial stage, with a generated file of weights."""

WORKLOADS = {
    "mlp": Workload("gan", "{}", None, 28, 64, 6_400, 64_000),
    "dcgan32": Workload("dcgan", "{channels: 64, latent_dim: 100}", None, 32, 64, 640, 6_400),
    "dcgan64": Workload("dcgan", "{channels: 64, latent_dim: 100}", (3, 64, 64), 64, 128, 256, 1_280),
    # At the 32x32 level of the published networks; each lower level takes one step, during the warm-up.
    "pggan32-4": Workload("pggan", "{stable_images: 1, fade_images: 0}", (3, 32, 32), 32, 4, 24, 40),
    "pggan32-16": Workload("pggan", "{stable_images: 1, fade_images: 0}", (3, 32, 32), 32, 16, 96, 96),
    "pix2pix256": Workload("pix2pix", "{}", (3, 256, 256), 256, 1, 2, 16, "photo-pairs", 64),
    "stargan128": Workload("stargan", "{}", (3, 128, 128), 128, 4, 20, 20, "coloured-digits", 256, 5),
    "srgan96-4": Workload("srgan", SRGAN, (3, 96, 96), 96, 4, 8, 16, "photos", 256),
    "srgan96-16": Workload("srgan", SRGAN, (3, 96, 96), 96, 16, 16, 32, "photos", 256),
    "cyclegan128": Workload("cyclegan", "{}", (3, 128, 128), 128, 1, 2, 6, "digit-domains", 64),
}


def ours(name: str, data: Path, precision: str) -> float:
    """Run the engine, including logging, checks and packed data; return images per second."""
    import json

    from plain_srgan import random_vgg

    from gancli.data.dataset import open_dataset
    from gancli.data.sources.synthetic import synthetic
    from gancli.data.spec import DataSpec
    from gancli.recipes.recipe import load_recipe
    from gancli.runs.run import Run
    from gancli.training.setup import build_training
    from gancli.training.trainer import Trainer

    load = WORKLOADS[name]
    with tempfile.TemporaryDirectory() as folder:
        recipe_file = Path(folder) / "timed.yaml"
        model = load.model
        if "FEATURES" in model:
            model = model.replace("FEATURES", json.dumps(str(random_vgg(Path(folder)))))
        place = f"root: {json.dumps(str(data))}, " if load.source == "mnist" else ""
        recipe_file.write_text(
            f"family: {load.family}\n"
            f"data: {{source: {load.source}, {place}resolution: {load.resolution}}}\n"
            f"model: {model}\n"
            f"train: {{images: {load.warm_up}, batch_size: {load.batch_size}, precision: {precision},"
            " preview_every: 1000000, checkpoint_every: 1000000}\n"
        )
        run = Run(Path(folder) / "run")
        run.begin({}, "")
        recipe = load_recipe(str(recipe_file))
        if load.shape is None:
            packed = open_dataset(recipe.data)
        else:
            channels, height, width = load.shape
            labels = tuple(map(str, range(load.labels)))
            spec = DataSpec(channels=channels, height=height, width=width, labels=labels)
            packed = synthetic(spec, keys=recipe.info.batch, count=load.count)
        Trainer(build_training(recipe, run, packed)).train()
        recipe = load_recipe(str(recipe_file), [f"train.images={load.warm_up + load.timed}"])
        trainer = Trainer(build_training(recipe, run, packed))
        trainer.resume()
        # The script writes neither previews nor checkpoints.
        trainer.setup.previews.draw = lambda *_: None  # type: ignore[method-assign]
        trainer.save = lambda: None  # type: ignore[method-assign]
        begun = time.perf_counter()
        trainer.train()
        return load.timed / (time.perf_counter() - begun)


def plain(name: str, data: Path, precision: str) -> float:
    """Run the script; return images per second."""
    import plain_pggan
    import plain_srgan
    import plain_stargan
    import plain_translation
    from plain_scripts import SCRIPTS

    load = WORKLOADS[name]
    if load.family == "pggan":
        return plain_pggan.run(precision, load.batch_size, warm_up=load.warm_up, timed=load.timed)
    if load.family == "srgan":
        return plain_srgan.run(precision, load.batch_size, warm_up=load.warm_up, timed=load.timed)
    if load.family == "stargan":
        return plain_stargan.run(precision, warm_up=load.warm_up, timed=load.timed)
    if load.family in plain_translation.SCRIPTS:
        return plain_translation.SCRIPTS[load.family](precision, warm_up=load.warm_up, timed=load.timed)
    return SCRIPTS[name](data, precision, warm_up=load.warm_up, timed=load.timed)


def measure(side: str, name: str, data: Path, precision: str) -> float:
    """Run one side in its own process; return images per second."""
    options = ["--data", str(data), "--side", side, "--only", name, "--precision", precision]
    ended = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
    return float(ended.stdout.split()[-1])


def compare(name: str, data: Path, rounds: int) -> None:
    """Print every round and the medians."""
    ratios: dict[tuple[str, str], list[float]] = {pair: [] for pair in PAIRS}
    sides = [("plain", "fp32"), ("ours", "fp32"), ("plain", "bf16"), ("ours", "bf16")]
    for _ in range(rounds):
        speeds = {(side, precision): measure(side, name, data, precision) for side, precision in sides}
        for mine, theirs in PAIRS:
            ratios[mine, theirs].append(speeds["ours", mine] / speeds["plain", theirs])
        shown = "   ".join(f"{side} {precision} {_rate(speed)}" for (side, precision), speed in speeds.items())
        print(f"  {shown}", flush=True)
    for (mine, theirs), found in ratios.items():
        print(
            f"{name}, batch {WORKLOADS[name].batch_size}: {mine} against the script in {theirs}: "
            f"median ratio {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f}, {rounds} rounds)",
            flush=True,
        )


def _rate(speed: float) -> str:
    return f"{speed:8,.0f}" if speed >= 100 else f"{speed:8.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/mnist"), help="folder of the four idx files of MNIST"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(WORKLOADS), help="workload (default: all)")
    parser.add_argument("--side", choices=["plain", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--precision", choices=["fp32", "bf16"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"no MNIST at {arguments.data}: name its folder with --data")
    if arguments.side:
        side = {"plain": plain, "ours": ours}[arguments.side]
        print(side(arguments.only, arguments.data, arguments.precision))
        return
    for name in [arguments.only] if arguments.only else WORKLOADS:
        compare(name, arguments.data, arguments.rounds)


if __name__ == "__main__":
    main()
