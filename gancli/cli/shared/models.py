"""What the commands that draw from a model share: finding it, its labels, and the names of what they write."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gancli.errors import UsageError
from gancli.family.tasks import Samples
from gancli.inference.model import Model, abilities, open_model
from gancli.runs.run import newest
from gancli.runtime.device import choose_device

LONGEST_NAME = 120
"""Letters of a file's name; longer ones end in a digest."""


def open_sampler(
    run: Path | None, *, labels: bool, ema: bool | None, device: str, images: bool = False
) -> tuple[Path, Model]:
    """The run directory, and its model, which samples; what is wrong with newer checkpoints is said.

    Args:
        run: the newest run that can, if None.
        labels: whether it must take labels.
        ema: averaged weights or live ones; averaged where there are any, if None.
        device: as the command line names it.
        images: whether it must draw images rather than points.

    Raises:
        GanError: it cannot, or there is none.
    """

    def can(manifest: Mapping[str, Any]) -> bool:
        fits = not images or manifest["data"].get("kind") != "points"
        return "sample" in manifest["tasks"] and fits and (not labels or bool(manifest["labels"]))

    path = run or newest("takes labels" if labels else "draws samples", can).path
    model = open_model(path, device=choose_device(device), ema=ema)
    for fault in model.passed_over:
        print(f"passed over: {fault}", file=sys.stderr)
    if not isinstance(model.family, Samples):
        raise UsageError(
            f"{model.run} holds a model that draws no samples; `gan plugins ls` lists what each family does"
        )
    if images and model.family.data.kind == "points":
        raise UsageError(f"{model.run} draws points rather than images; `gan sample` shows them")
    return path, model


def label_indices(labels: Sequence[str], model: Model) -> list[int]:
    """The indices of labels given by name or number, in their order.

    Raises:
        UsageError: a label is unknown, or the model takes none.
    """
    if labels and not model.labels:
        raise UsageError(
            f"{model.run} was trained without labels, so --label means nothing to it; "
            "leave it out, or train a family that reads labels"
        )
    return [_index(label, model.labels) for label in labels]


def check_truncation(truncation: float | None) -> None:
    """Refuses what is no limit.

    Raises:
        UsageError: it is not a positive number.
    """
    if truncation is not None and not (truncation > 0 and math.isfinite(truncation)):
        raise UsageError(f"--truncation must be a number greater than 0, such as 0.7, not {truncation:g}")


def about(model: Model, truncation: float | None) -> dict[str, Any]:
    """What a picture of a model says in its metadata about where it comes from."""
    come_from = {"run": model.run, "images": model.images, "checkpoint": model.digest, "ema": model.ema}
    return {**come_from, **limit(truncation)}


def limit(truncation: float | None) -> dict[str, float]:
    """The truncation as an entry of metadata or JSON; nothing where there is none."""
    return {} if truncation is None else {"truncation": truncation}


def path_for(run: Path, name: str) -> Path:
    """Where a picture of a run goes: into its `out` directory."""
    home = run.parent.parent if run.parent.name == "checkpoints" else run
    return home / "out" / name


def file_name(parts: Sequence[str], *, truncation: float | None = None) -> str:
    """A name, without its ending, from what makes a picture another one."""
    suffix = "" if truncation is None else f"truncation{truncation:g}"
    name = "-".join(part for part in (*parts, suffix) if part)
    if len(name.encode()) <= LONGEST_NAME:
        return name
    return f"{parts[0]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def safe(label: str) -> str:
    """A label as a part of a file's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in label)


def _index(label: str, names: Sequence[str]) -> int:
    if label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < len(names):
        return int(label)
    raise UsageError(f"unknown label {label!r}; this model knows {', '.join(names)}")


_LACKS = {
    "sample": "draws no samples",
    "translate": "translates no images",
    "upscale": "upscales no images",
    "detect": "detects no anomalies",
    "discriminate": "has no discriminator that can be asked about an image",
    "label": "was trained without labels",
    "image": "is a model of points, not of images",
    "points": "is a model of images, not of points",
}
"""What is said of a model without an ability."""


def open_able(
    run: Path | None, fits: Callable[[frozenset[str]], bool], *, wanted: str, ema: bool | None, device: str
) -> tuple[Path, Model]:
    """The run directory and its model; what is wrong with newer checkpoints is said.

    Args:
        run: the newest run whose abilities fit, if None; one that is named is not checked.
        fits: decides by the abilities of a model.
        wanted: what it should be able to do, for the error: "can be inspected".
        ema: averaged weights or live ones; averaged where there are any, if None.
        device: as the command line names it.

    Raises:
        GanError: there is none, or it cannot be opened.
    """

    def can(manifest: Mapping[str, Any]) -> bool:
        try:
            return fits(abilities(manifest))
        except UsageError:  # of a family that is not installed
            return False

    path = run or newest(wanted, can).path
    model = open_model(path, device=choose_device(device), ema=ema)
    for fault in model.passed_over:
        print(f"passed over: {fault}", file=sys.stderr)
    return path, model


def check_able(model: Model, needs: Iterable[str], what: str) -> None:
    """Holds a model to what is wanted of it.

    Args:
        model: any.
        needs: words of `MetricInfo.needs`.
        what: what has these needs, to begin the error with: "gan inspect".

    Raises:
        UsageError: it lacks an ability.
    """
    for need in needs:
        if need not in model.abilities:
            lack = _LACKS.get(need, f"cannot {need}")
            raise UsageError(
                f"{what} needs another model: {model.run} {lack}; `gan runs ls` lists runs, and `gan plugins ls` what "
                "each family does"
            )
