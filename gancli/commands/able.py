"""The model that a command works on, chosen by what it can do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gancli.engine.device import choose_device
from gancli.engine.model import Model, abilities, open_model
from gancli.errors import UsageError
from gancli.run import newest

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
