"""Which images a recipe's `classes` and `limit` ask for: the same rule for every source."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gancli.data.source import Labels
from gancli.errors import DataError
from gancli.recipe import SourceConfig


@dataclass(frozen=True)
class Chosen:
    """The images that were asked for.

    Args:
        rows: (N,), indices into the source, rising.
        labels: (N,), indices into `names`, or None.
        names: the labels that were kept, in the source's order.
    """

    rows: npt.NDArray[np.int64]
    labels: Labels | None
    names: tuple[str, ...]


def choose(count: int, labels: Labels | None, names: Sequence[str], config: SourceConfig) -> Chosen:
    """Applies `classes`, then `limit`, to `count` images.

    A class is the label that reads like it (7 is the label "7" where there is one), or else the label of that index.

    Raises:
        DataError: nothing is left, a class is unknown, or classes are asked of a source without labels.
    """
    rows = np.arange(count, dtype=np.int64)
    kept = tuple(names)
    if config.classes is not None:
        if labels is None:
            raise DataError(f"the source {config.source!r} has no labels here; remove data.classes from the recipe")
        wanted = sorted({_index(entry, names, config.source) for entry in config.classes})
        kept = tuple(names[index] for index in wanted)
        rows = np.flatnonzero(np.isin(labels, wanted)).astype(np.int64)
        renumbered = np.zeros(len(names), dtype=np.int64)
        renumbered[wanted] = np.arange(len(wanted))
        labels = renumbered[labels]
    rows = rows[: config.limit]
    if not len(rows):
        raise DataError(f"no images are left of the source {config.source!r}; change data.classes or data.split")
    return Chosen(rows, None if labels is None else labels[rows], kept)


def _index(entry: str | int, names: Sequence[str], source: str) -> int:
    if str(entry) in names:
        return list(names).index(str(entry))
    if isinstance(entry, int) and 0 <= entry < len(names):
        return entry
    near = difflib.get_close_matches(str(entry), names, n=1, cutoff=0.5)
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    hint = f"did you mean {near[0]!r}?" if near else f"its labels are {shown or 'none'}"
    raise DataError(f"data.classes: the source {source!r} has no label {entry!r}: {hint}")
