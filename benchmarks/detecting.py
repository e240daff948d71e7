"""Anomaly detection: AUROC for each class of MNIST as the normal class, and the time of a score.

    python benchmarks/detecting.py --shared ../shared/data                 each class as the normal class, both scores
    python benchmarks/detecting.py --classes 1,4,8 --limit 500
    python benchmarks/detecting.py --speed                                 compared with a loop over images and starts

Prints the AUROC of both scores, and on the same test images that of 20 principal components and of the nearest training
image. The speed is that of ADGAN's search with untrained networks, in wall-clock and in processor time.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import shared_data
import torch
from torch import Tensor, nn

from gancli.cli.shared.data_target import reference_data_of
from gancli.data.dataset import open_dataset
from gancli.data.spec import DataSpec
from gancli.evaluation.measure import metric_context
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.family.tasks import Detects
from gancli.inference.model import open_model
from gancli.metrics.auroc import measure
from gancli.metrics.context import Options
from gancli.plugins.registry import import_class, registry
from gancli.recipes.recipe import load_recipe
from gancli.runs.manifest import run_manifest
from gancli.runs.run import Run
from gancli.runtime.device import keep_freed_memory
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

CPU = torch.device("cpu")
SCORES = ("adgan", "anogan")
REPEATS, COUNT = 5, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder that contains mnist/")
    parser.add_argument("--recipe", default="adgan-mnist")
    parser.add_argument("--classes", default="0,1,2,3,4,5,6,7,8,9")
    parser.add_argument("--limit", type=int, help="maximum number of test images (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the training")
    parser.add_argument("--runs", type=Path, help="folder for the runs (default: a temporary folder)")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="OPTION=VALUE")
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    if arguments.speed:
        speed(arguments.recipe)
        return
    with tempfile.TemporaryDirectory() as folder:
        runs = arguments.runs or Path(folder)
        columns = defaultdict(list)
        for label in arguments.classes.split(","):
            options = [*shared_data.mnist(arguments.shared.resolve(), Path(folder) / "data"), *arguments.overrides]
            run = Run(runs / f"normal-{label}")
            train(run, arguments.recipe, [*options, f"data.classes=[{label}]", f"train.seed={arguments.seed}"])
            for name, value in evaluate(run, arguments.limit).items():
                columns[name].append(value)
    means = "  ".join(f"{name} {statistics.mean(values):.3f}" for name, values in columns.items())
    print(f"{'mean':8} {means}", flush=True)


def train(run: Run, name: str, options: list[str]) -> None:
    """Train a run, unless it exists already."""
    if run.checkpoints.is_dir():
        return
    recipe = load_recipe(name, options)
    packed = open_dataset(recipe.data)
    trainer = Trainer(build_training(recipe, run, packed))
    run.begin(run_manifest(recipe, packed, device=CPU, total=trainer.total), recipe.to_yaml())
    begun, cpu = time.perf_counter(), time.process_time()
    trainer.train()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(f"{run.path.name}: {trainer.state.images:,} images, {seconds:.0f} s ({cpu:.0f} s CPU)", flush=True)


def evaluate(run: Run, limit: int | None) -> dict[str, float]:
    """Return the AUROC of a run with both scores and both baselines; prints a row."""
    model = open_model(run.path, device=CPU)
    data = reference_data_of(run.path, model, None, [])
    found, before, begun = {}, content(model.nets), time.process_time()
    for score in SCORES:
        scored = replace(model, family=scoring(model.family, score))
        values = {each.metric: each.value for each in measure(metric_context(scored, data, Options(limit=limit)))}
        found |= {score: values["auroc"], "PCA": values["auroc/pca"], "nearest": values["auroc/nearest"]}
    shown = "  ".join(f"{name} {value:.3f}" for name, value in found.items())
    same = "unchanged" if content(model.nets) == before else "CHANGED"
    print(f"{run.path.name:8} {shown}  ({time.process_time() - begun:.0f} s CPU; networks {same})", flush=True)
    return found


def scoring(family: Family, score: str) -> Family:
    """Return the same family with another score and the defaults of that score."""
    changed = {"score": score, "steps": None, "latent_rate": None}
    return type(family)(family.config.model_copy(update=changed), family.data)


def content(nets: Nets) -> str:
    """Return the SHA-256 of all parameters and buffers."""
    digest = hashlib.sha256()
    for module in nets.modules.values():
        for tensor in module.state_dict().values():
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def speed(recipe_name: str) -> None:
    info, recipe = registry().family("adgan"), load_recipe(recipe_name)
    config = recipe.model.model_copy(update={"score": "adgan", "steps": None, "latent_rate": None})
    torch.manual_seed(0)
    family = import_class(info.family)(config, DataSpec(channels=1, height=32, width=32))
    nets = Nets({key: module.eval().requires_grad_(False) for key, module in family.build().items()})
    images = torch.rand(COUNT, 1, 32, 32) * 2 - 1
    keep_freed_memory()  # as `gan detect` does
    at_once, one_by_one = [], []
    for _ in range(REPEATS):
        at_once.append(timed(lambda: detect(family, nets, images)))
        one_by_one.append(timed(lambda: loop(nets.generator, images[:1], family.latent(config.seeds, context()))))
    print(f"{config.seeds} starts, 5 steps, {torch.get_num_threads()} threads")
    for kind, name in enumerate(("by the clock", "by processor time")):
        together, alone = ([taken[kind] for taken in each] for each in (at_once, one_by_one))
        ratios = [COUNT * theirs / ours for ours, theirs in zip(together, alone, strict=True)]
        print(
            f"{name}: {COUNT / statistics.median(together):.1f} images/s, a loop {1 / statistics.median(alone):.2f}; "
            f"{statistics.median(ratios):.1f} times as fast"
        )


def detect(family: Detects, nets: Nets, images: Tensor) -> None:
    family.detect(nets, images, context())


def loop(generator: nn.Module, images: Tensor, starts: Tensor) -> None:
    """Run the same search as usually written: a copy and an optimizer for each image and each start."""
    for image in images:
        for start in starts:
            twin, z = copy.deepcopy(generator).requires_grad_(), start[None].clone().requires_grad_()
            groups = [{"params": [z], "lr": 0.25}, {"params": twin.parameters(), "lr": 5e-5}]
            optimizer = torch.optim.Adam(groups)
            for _ in range(5):
                optimizer.zero_grad()
                (twin(z) - image).square().mean().backward()
                optimizer.step()
            with torch.no_grad():
                (twin(z) - image).square().mean().item()


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return wall-clock seconds and processor seconds."""
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - cpu


def context() -> Context:
    return Context(device=CPU, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    main()
