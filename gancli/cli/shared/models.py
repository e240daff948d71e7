"""Trained models for commands: finding and opening them, their labels, and the names and metadata of output files."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.errors import UsageError
from gancli.runs.run import newest, run_of

if TYPE_CHECKING:
    from gancli.inference.model import Model

MAX_NAME_LENGTH = 120
"""Largest number of bytes in a file name; longer names end in a hash."""

_ABILITIES = {
    "discriminate": ("score images", "has no discriminator that scores images"),
    "label": ("take labels", "was trained without labels"),
    "image": ("process images", "is a model of points, not of images"),
    "points": ("generate points", "is a model of images, not of points"),
}
"""Verb phrases for abilities besides tasks, and for models without them; `gancli.family.tasks` has those of tasks."""


def open_for(
    command: str,
    run: Path | None,
    needs: Collection[str] = (),
    *,
    ema: bool | None,
    device: str,
    fits: Callable[[frozenset[str]], bool] | None = None,
    wanted: str | None = None,
) -> tuple[Path, Model]:
    """Open the model that a command works on. Damaged checkpoints that were skipped are reported on standard error.

    Args:
        command: command line for error messages: "gan inspect".
        run: run or checkpoint directory (default: the newest run whose abilities fit).
        needs: words of `MetricInfo.needs` that the model must have.
        ema: use averaged weights (default: if the run has them).
        device: device name as on the command line.
        fits: predicate on abilities that selects the newest run (default: it has all of `needs`).
        wanted: verb phrase of what no run can do, for error messages (default: derived from `needs`).

    Returns:
        The run or checkpoint directory and its model.

    Raises:
        GanError: no run fits, the model cannot be opened, or it lacks an ability.
    """
    from gancli.inference.model import manifest_abilities, open_model
    from gancli.runtime.device import choose_device

    def can(manifest: Mapping[str, Any]) -> bool:
        try:
            able = manifest_abilities(manifest)
        except UsageError:  # the family is not installed
            return False
        return fits(able) if fits else able.issuperset(needs)

    path = run or newest(wanted or " and ".join(_phrases(need)[0] for need in needs), can).path
    model = open_model(path, device=choose_device(device), ema=ema)
    for fault in model.skipped_checkpoints:
        print(f"skipped: {fault}", file=sys.stderr)
    check_abilities(model, needs, command)
    return path, model


def check_abilities(model: Model, needs: Collection[str], user: str) -> None:
    """Check that a model has the abilities that a command or a metric needs.

    Args:
        model: model to check.
        needs: words of `MetricInfo.needs`.
        user: command or metric for the error message: "gan inspect".

    Raises:
        UsageError: the model lacks an ability.
    """
    for need in needs:
        if need not in model.abilities:
            raise UsageError(
                f"{user} cannot use {model.run}: it {_phrases(need)[1]}; name another run (`gan runs ls` lists runs, "
                "`gan plugins ls` lists the tasks of each family)"
            )


def _phrases(need: str) -> tuple[str, str]:
    """Return verb phrases for a model with an ability, and for a model without it."""
    from gancli.family.tasks import TASKS

    if need in TASKS:
        return TASKS[need].lacks.removeprefix("cannot "), TASKS[need].lacks
    return _ABILITIES.get(need, (need, f"cannot {need}"))


def label_indices(labels: Sequence[str], model: Model) -> list[int]:
    """Return the index of each label, which is given by name or number.

    Raises:
        UsageError: a label is unknown.
    """
    return [_index(label, model.labels) for label in labels]


def _index(label: str, names: Sequence[str]) -> int:
    if label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < len(names):
        return int(label)
    raise UsageError(f"unknown label {label!r}; the labels of this model are {', '.join(names)}")


def check_memory(model: Model, count: int, option: str) -> None:
    """Check that generated images fit into the memory: as float32, and twice as bytes.

    Raises:
        UsageError: they do not; `option` is to be lowered.
    """
    from gancli.runtime import memory

    data = model.family.data
    memory.require(8 * count * math.prod(data.shape), f"{count:,} {data.described}", option)


def check_truncation(truncation: float | None) -> None:
    """Check the value of --truncation.

    Raises:
        UsageError: it is not a finite number greater than 0.
    """
    if truncation is not None and not (truncation > 0 and math.isfinite(truncation)):
        raise UsageError(f"--truncation must be a number greater than 0, such as 0.7, not {truncation:g}")


def provenance(model: Model, truncation: float | None = None) -> dict[str, Any]:
    """Return the metadata of an output image that name its model."""
    origin = {"run": model.run, "images": model.images, "checkpoint": model.digest, "ema": model.ema}
    return {**origin, **truncation_entry(truncation)}


def truncation_entry(truncation: float | None) -> dict[str, float]:
    """Return the truncation as an entry of metadata or JSON; empty for None."""
    return {} if truncation is None else {"truncation": truncation}


def output_path(run: Path, name: str) -> Path:
    """Return the path of a file or a directory in the `out` directory of a run."""
    return run_of(run).path / "out" / name


def default_file(run: Path, name: str) -> Path:
    """Return the path of a file in the `out` directory of a run, after checking that it may be written.

    Raises:
        UsageError: a link or a directory is in the way.
    """
    from gancli.io.outputs import check_outputs

    path = output_path(run, name)
    check_outputs([path], below=run_of(run).path, own=True)
    return path


def output_name(parts: Sequence[str], *, truncation: float | None = None) -> str:
    """Return a file name without its suffix, made of everything that changes the content."""
    suffix = "" if truncation is None else f"truncation{truncation:g}"
    name = "-".join(part for part in (*parts, suffix) if part)
    if len(name.encode()) <= MAX_NAME_LENGTH:
        return name

    import hashlib

    return f"{parts[0]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def slug(label: str) -> str:
    """Return a label as a part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in label)
