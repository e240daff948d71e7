"""Which of the user's images are anomalous: as a table says it, or the folders that they lie in."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gancli.commands.image_files import ImageFile
from gancli.errors import DataError
from gancli.metrics.ranking import Truth

FOLDERS = "folders"
"""What is given instead of a table where folders say it."""

WORDS = {"0": False, "normal": False, "1": True, "anomalous": True}
"""What is written in a table, or is the name of a folder."""


def read_truth(given: str, files: Sequence[ImageFile]) -> Truth:
    """Whether each file is anomalous, (N,).

    Args:
        given: a CSV file of names and labels, or `folders`.
        files: any.

    Raises:
        DataError: the table cannot be read or says nothing of a file, or all files are of one kind.
    """
    said = [_by_folder(file.path) for file in files] if given == FOLDERS else _by_table(Path(given), files)
    missing = [file.path for file, label in zip(files, said, strict=True) if label is None]
    if missing:
        where = "lies in no folder named normal or anomalous" if given == FOLDERS else f"has no label in {given}"
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(f"{missing[0]} {where}{more}; give it one or leave it out")
    truth = np.array(said, dtype=np.bool_)
    if truth.all() or not truth.any():
        kind = "anomalous" if truth.all() else "normal"
        raise DataError(
            f"--labels calls all {len(files):,} images {kind}, and how well they are told apart needs both kinds; add "
            "others, or leave --labels out"
        )
    return truth


def _by_folder(path: Path) -> bool | None:
    """By the innermost folder that says it."""
    parents = path.absolute().parent.parts
    return next((WORDS[part] for part in reversed(parents) if part in ("normal", "anomalous")), None)


def _by_table(path: Path, files: Sequence[ImageFile]) -> list[bool | None]:
    """A name in the table is a path as it was given, a path below the folder that was, or a file's name alone."""
    table = _table(path)
    alone = Counter(file.path.name for file in files)

    def look(file: ImageFile) -> bool | None:
        names = [str(file.path), file.name.as_posix(), *([file.path.name] if alone[file.path.name] == 1 else [])]
        return next((table[name] for name in names if name in table), None)

    return [look(file) for file in files]


def _table(path: Path) -> dict[str, bool]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(handle), 1) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}); --labels takes a CSV file, or {FOLDERS}") from None
    table: dict[str, bool] = {}
    for place, (number, row) in enumerate(rows):
        label = WORDS.get(row[1].lower()) if len(row) > 1 else None
        if label is None and place == 0 and len(row) > 1:
            continue  # the names of the columns
        if label is None:
            raise DataError(f"{path}:{number}: expected a name and a label out of {', '.join(WORDS)}, such as a.png,1")
        if table.setdefault(row[0], label) != label:
            raise DataError(f"{path}:{number}: {row[0]} has two labels; remove one of them")
    return table
