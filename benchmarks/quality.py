"""What every bundled setting reaches: the figures in the families' READMEs.

    python benchmarks/quality.py --shared ../shared/data          one seed of every setting
    python benchmarks/quality.py --only cgan-mnist --seeds 0,1,2 --out pictures

A setting is a bundled recipe, where it is long with a cap on its images. What is measured needs data that is not part
of this project, in the folder that `--shared` names: MNIST's four idx files in `mnist/`, in `features/` the weights of
the LeNet that judges digits (see `mnist_judge.py`), and in `nuclei/` photographs and masks (see `shared_data.py`).
Settings that need none of them run without.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import domain_scores
import refinement_scores
import shared_data
import torch
import translation_scores
import upscaling_scores
from digit_classifier import classification_accuracy
from mnist_judge import LeNet, distance

from gancli.commands.evaluate import evaluate
from gancli.data.dataset import open_dataset
from gancli.data.tensors import images_at
from gancli.engine.drawing import draw
from gancli.engine.identity import run_manifest
from gancli.engine.model import Model, open_model
from gancli.engine.trainer import Trainer
from gancli.family import Samples
from gancli.metrics.subject import Options
from gancli.pictures import sheet, to_pixels, write_png
from gancli.recipe import Recipe, load_recipe
from gancli.run import Run

CPU = torch.device("cpu")
SAMPLES = 10_000

Figures = dict[str, float]
Measure = Callable[[Model, Recipe, Run, Path], Figures]


def metrics(*names: str) -> Measure:
    """Those of `gan eval`."""

    def measure(model: Model, recipe: Recipe, run: Run, shared: Path) -> Figures:
        with redirect_stdout(io.StringIO()):
            found = evaluate(
                run.path,
                metrics=",".join(names),
                data=None,
                overrides=[],
                options=Options(),
                ema=None,
                device="cpu",
                json=True,
            )
        return {measurement["metric"]: measurement["value"] for measurement in found}

    return measure


def judged(model: Model, recipe: Recipe, run: Run, shared: Path) -> Figures:
    """FD(LeNet) of 10,000 samples against the training images as the model saw them; for scale, real test images'."""
    judge = LeNet(shared / "features" / "mnist_lenet.pth")
    train, test, _ = real(recipe)
    labels = [index % len(model.labels) for index in range(SAMPLES)] if model.labels else []
    samples = draw(model, range(SAMPLES), labels)
    figures = {"FD(LeNet)": distance(judge, samples, train), "FD(LeNet) of real test": distance(judge, test, train)}
    if labels:
        figures["label accuracy"] = float((judge.read(samples) == torch.tensor(labels)).float().mean())
    return figures


def conditional(model: Model, recipe: Recipe, run: Run, shared: Path) -> Figures:
    """The same, and the classification accuracy score, beside that of as many real training images."""
    train, test, answers = real(recipe)
    labels = torch.arange(SAMPLES) % len(model.labels)
    samples = draw(model, range(SAMPLES), labels.tolist())
    packed = open_dataset(recipe.data)
    assert packed.labels is not None
    known = torch.from_numpy(packed.labels[:SAMPLES])
    return {
        **judged(model, recipe, run, shared),
        "CAS": classification_accuracy(samples, labels, test, answers),
        "CAS of real": classification_accuracy(train[:SAMPLES], known, test, answers),
    }


def line(model: Model, recipe: Recipe, run: Run, shared: Path) -> Figures:
    """What the last figure of a run on the line says."""
    last = json.loads(sorted(run.samples.glob("*.json"))[-1].read_text())
    return {"max |D - D*|": last["gap"], "V(D,G)": last["value"]}


def without_shared(measure: Callable[[Model, Recipe, Run], Figures]) -> Measure:
    """A measure that needs nothing of the shared folder but the training data."""

    def measured(model: Model, recipe: Recipe, run: Run, shared: Path) -> Figures:
        return measure(model, recipe, run)

    return measured


@dataclass(frozen=True)
class Setting:
    """A recipe, what is changed of it, where its data are, and how it is measured."""

    recipe: str
    measure: Measure
    options: tuple[str, ...] = ()
    data: shared_data.Finder = shared_data.nothing
    variant: str = ""

    @property
    def name(self) -> str:
        return f"{self.recipe}{self.variant and '-'}{self.variant}"


MASKS = without_shared(translation_scores.masks)
TRUTH = without_shared(translation_scores.known_truth)
VARIETY = without_shared(translation_scores.variety)
WORTH = without_shared(refinement_scores.worth)

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("gan-1d", line),
        Setting("lsgan-ring", metrics("modes")),
        Setting("dcgan", metrics("distinct")),
        Setting("lsgan", metrics("distinct")),
        Setting("cgan", metrics("distinct")),
        Setting("wgan-gp", metrics("distinct")),
        Setting("pggan", metrics("distinct", "swd")),
        Setting("adgan", metrics("auroc")),
        Setting("cyclegan", TRUTH),
        Setting("simgan", WORTH),
        Setting("stargan", without_shared(domain_scores.colours_and_digits)),
        Setting("dcgan-mnist", lambda *of: {**judged(*of), **metrics("feature_svm")(*of)}, data=shared_data.mnist),
        Setting("lsgan-mnist", judged, data=shared_data.mnist),
        Setting("cgan-mnist", conditional, data=shared_data.mnist),
        Setting("pggan-mnist", judged, data=shared_data.mnist),
        Setting("gan-mnist", metrics("parzen"), data=shared_data.mnist),
        Setting("paper/gan-mnist-mlp", metrics("parzen"), ("data.limit=50000",), data=shared_data.mnist),
        Setting("paper/gan-mnist", metrics("parzen"), ("train.images=400_000",), data=shared_data.mnist),
        Setting("pix2pix-nuclei", MASKS, data=shared_data.nuclei_pairs),
        Setting("pix2pix-nuclei", MASKS, ("model.adversarial=false",), data=shared_data.nuclei_pairs, variant="l1"),
        Setting("cyclegan-nuclei", VARIETY, data=shared_data.nuclei_domains),
        Setting("srgan", upscaling_scores.set5),
        Setting("srgan", upscaling_scores.set5, ("model.adversarial_images=0",), variant="mse"),
        Setting("srgan", upscaling_scores.set5, ("model.residual=none", "model.norm=batch"), variant="published"),
        Setting("enhancenet", upscaling_scores.set5),
    )
}


def real(recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training images, test images and the test images' labels, as the model sees them."""
    train = open_dataset(recipe.data)
    test = open_dataset(recipe.data.model_copy(update={"split": "test", "limit": None}))
    assert test.labels is not None
    whole = [images_at(packed, torch.arange(len(packed.images)).numpy(), CPU) for packed in (train, test)]
    return whole[0], whole[1], torch.from_numpy(test.labels)


def run_setting(setting: Setting, shared: Path, seed: int, out: Path | None) -> Figures:
    """Trains one setting with one seed, prints a row, and returns the figures."""
    with tempfile.TemporaryDirectory() as folder:
        data, run = Path(folder) / "data", Run(Path(folder) / "run")
        options = [*setting.options, *setting.data(shared.resolve(), data), f"train.seed={seed}"]
        recipe = load_recipe(setting.recipe, options)
        packed = open_dataset(recipe.data)
        trainer = Trainer(recipe, run, packed, device=CPU)
        run.begin(run_manifest(recipe, packed, device=CPU, total=trainer.total), recipe.to_yaml())
        begun, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        model = open_model(run.path, device=CPU)
        figures = setting.measure(model, recipe, run, shared)
        if out is not None:
            picture(setting.name, run, model, seed, out)
    shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    print(
        f"{setting.name:20} seed {seed}  {trainer.position.images:>9,} images  {seconds:4.0f} s "
        f"({cpu:4.0f} s CPU)  {shown}",
        flush=True,
    )
    return figures


def picture(name: str, run: Run, model: Model, seed: int, out: Path) -> None:
    """64 samples, or ten of each label in a row of its own; of what does not sample, the run's last figure."""
    file = out / f"{name.replace('/', '-')}-seed{seed}.png"
    if not isinstance(model.family, Samples) or model.mixture is not None:
        shutil.copy(sorted(run.samples.glob("*.png"))[-1], file)
        return
    columns = 10 if model.labels else 8
    labels = [label for label in range(len(model.labels)) for _ in range(columns)]
    drawn = draw(model, [*range(columns)] * len(model.labels) if labels else range(64), labels)
    write_png(file, sheet(to_pixels(drawn), columns=columns), metadata={"recipe": name, "seed": seed})


def summarise(name: str, rows: list[Mapping[str, float]]) -> None:
    """Mean and spread over seeds."""
    columns = defaultdict(list)
    for row in rows:
        for figure, value in row.items():
            columns[figure].append(value)
    parts = (
        f"{figure} {statistics.mean(found):.4g} +- {statistics.stdev(found):.2g}" for figure, found in columns.items()
    )
    print(f"{name:20} mean +- spread of {len(rows)} seeds:  {'  '.join(parts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of MNIST and of the judge")
    parser.add_argument("--only", choices=list(SETTINGS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", type=Path, help="a directory for pictures")
    arguments = parser.parse_args()
    if not arguments.shared.is_dir():
        sys.exit(f"no data at {arguments.shared}: name its folder with --shared")
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    for name in [arguments.only] if arguments.only else SETTINGS:
        rows = [run_setting(SETTINGS[name], arguments.shared, seed, arguments.out) for seed in seeds]
        if len(rows) > 1:
            summarise(name, rows)


if __name__ == "__main__":
    main()
