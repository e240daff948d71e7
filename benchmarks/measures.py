"""Measures of the settings: named values, each with a description of how it was measured."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from digit_classifier import classification_accuracy
from mnist_judge import LeNet, distance

from gancli.cli.eval import Request
from gancli.cli.eval import measure as measure_run
from gancli.data.dataset import open_dataset
from gancli.data.loader import images_at
from gancli.evaluation.protocol import Protocol, format_protocol
from gancli.inference.model import Model
from gancli.inference.sample import sample_images
from gancli.metrics.context import Options
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run

CPU = torch.device("cpu")
SAMPLES = 10_000


@dataclass(frozen=True)
class Found:
    """Values by name, and descriptions by name of one or several values."""

    figures: Mapping[str, float]
    protocols: Mapping[str, str]


Measure = Callable[[Model, Recipe, Run, Path], Found]
"""From a model, its recipe, its run and the folder of shared data."""


def plain(measured: Callable[[Model, Recipe, Run, Path], Mapping[str, float]]) -> Measure:
    """Return a measure that is described by its docstring."""
    return lambda *of: _explained(measured(*of), measured)


def without_shared(measured: Callable[[Model, Recipe, Run], Mapping[str, float]]) -> Measure:
    """Return a measure that is described by its docstring and needs no shared data except the training data."""
    return lambda model, recipe, run, shared: _explained(measured(model, recipe, run), measured)


def all_of(*measures: Measure) -> Measure:
    """Return a measure that combines several measures."""

    def measure(model: Model, recipe: Recipe, run: Run, shared: Path) -> Found:
        found = [each(model, recipe, run, shared) for each in measures]
        figures = {name: value for each in found for name, value in each.figures.items()}
        return Found(figures, {name: taken for each in found for name, taken in each.protocols.items()})

    return measure


def metrics(*names: str, limit: int | None = None) -> Measure:
    """Return a measure that computes metrics of `gan eval`, described by their protocols."""

    def measure(model: Model, recipe: Recipe, run: Run, shared: Path) -> Found:
        request = Request(metrics=",".join(names), options=Options(limit=limit), device="cpu")
        (measured,) = measure_run(run.checkpoints / str(model.images), request)
        return Found(
            {record["metric"]: float(record["value"]) for record in measured.records},
            {record["metric"]: _told(record["protocol"]) for record in measured.records},
        )

    return measure


def judged(model: Model, recipe: Recipe, run: Run, shared: Path) -> dict[str, float]:
    """Fréchet distance of 10,000 samples to the training images on the features of a LeNet trained on MNIST; for scale,
    that of the test images.
    """
    judge = LeNet(shared / "features" / "mnist_lenet.pth")
    train, test, _ = real(recipe)
    labels = [index % len(model.labels) for index in range(SAMPLES)] if model.labels else []
    samples = sample_images(model, range(SAMPLES), labels)
    figures = {"FD(LeNet)": distance(judge, samples, train), "FD(LeNet) of real test": distance(judge, test, train)}
    if labels:
        figures["label accuracy"] = float((judge.read(samples) == torch.tensor(labels)).float().mean())
    return figures


def conditional(model: Model, recipe: Recipe, run: Run, shared: Path) -> dict[str, float]:
    """FD(LeNet) and label accuracy of 10,000 samples as classified by LeNet, and the classification accuracy score
    (CAS): the accuracy on test images of a small network trained on those samples, or on as many training images.
    """
    train, test, answers = real(recipe)
    labels = torch.arange(SAMPLES) % len(model.labels)
    samples = sample_images(model, range(SAMPLES), labels.tolist())
    packed = open_dataset(recipe.data)
    assert packed.labels is not None
    known = torch.from_numpy(packed.labels[:SAMPLES])
    return {
        **judged(model, recipe, run, shared),
        "CAS": classification_accuracy(samples, labels, test, answers),
        "CAS of real": classification_accuracy(train[:SAMPLES], known, test, answers),
    }


def line(model: Model, recipe: Recipe, run: Run) -> dict[str, float]:
    """The largest distance of the discriminator from the optimal one along the line, 0 at the optimum, and the value of
    the game, which is -log 4 = -1.386 at the optimum.
    """
    last = json.loads(sorted(run.samples.glob("*.json"))[-1].read_text())
    return {"max |D - D*|": last["gap"], "V(D,G)": last["value"]}


def real(recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return training images, test images and the labels of the test images, as the model receives them."""
    train = open_dataset(recipe.data)
    test = open_dataset(recipe.data.model_copy(update={"split": "test", "limit": None}))
    assert test.labels is not None
    whole = [images_at(packed, torch.arange(len(packed.images)).numpy(), CPU) for packed in (train, test)]
    return whole[0], whole[1], torch.from_numpy(test.labels)


def _explained(figures: Mapping[str, float], measured: Callable[..., object]) -> Found:
    """Describe values by the docstring of their measure, without its arguments."""
    explanation = (inspect.getdoc(measured) or "").partition("\n\nArgs:")[0]
    return Found(figures, {", ".join(figures): " ".join(explanation.split())})


def _told(protocol: Protocol) -> str:
    """Return a protocol on one line, without the entries that differ between seeds."""
    return format_protocol(
        {entry: value for entry, value in protocol.items() if entry not in ("chosen", "by", "gancli")}
    )
