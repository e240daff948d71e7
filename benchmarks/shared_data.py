"""Data of the settings of `quality.py` that are not part of this project, as options of a recipe."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

Finder = Callable[[Path, Path], list[str]]
"""From the folder of `--shared` and an empty folder to the options that a recipe needs."""

HELD_OUT_EVERY = 5  # in the order of their names, which are random


def nothing(shared: Path, folder: Path) -> list[str]:
    """Return no options, for sources without files."""
    return []


def mnist(shared: Path, folder: Path) -> list[str]:
    return [f"data.root={shared / 'mnist'}"]


def nuclei_pairs(shared: Path, folder: Path) -> list[str]:
    """Link 80 photographs and masks for training and 20 held-out ones into folders of the splits."""
    photographs = sorted((shared / "nuclei" / "images").glob("*.png"))
    for index, photograph in enumerate(photographs):
        split = "train" if index % HELD_OUT_EVERY else "test"
        for kind in ("images", "masks"):
            _link(shared / "nuclei" / kind / photograph.name, folder / split / kind)
    return [f"data.root={folder}"]


def nuclei_domains(shared: Path, folder: Path) -> list[str]:
    """Link the photographs into folders by imaging method: fluorescence and stained tissue."""
    with (shared / "nuclei" / "domains.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            _link(shared / "nuclei" / "images" / f"{row['name']}.png", folder / row["domain"])
    return [f"data.root={folder}"]


def set5(shared: Path, folder: Path) -> list[str]:
    """Link the pairs of Set5 at scale 4 for the source `paired`; they are not used for training."""
    for kind, side in (("LR", "source"), ("HR", "target")):
        for image in sorted((shared / "set5" / "x4").glob(f"*_{kind}.png")):
            _link(image, folder / side, name=image.name.replace(f"_{kind}", ""))
    return [f"data.root={folder}"]


def _link(file: Path, folder: Path, *, name: str | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.symlink(file.resolve(), folder / (name or file.name))
