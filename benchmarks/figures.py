"""File of stored results: a line of JSON for every setting and seed that was trained and measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gancli.io.files import write_atomically
from gancli.recipes.recipe import load_recipe

WHERE = Path(__file__).resolve().parents[1] / "docs" / "results.jsonl"
"""Default file, stored with the results page, so that anyone with the project can add results or check the page."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Results of a setting with one seed.

    Args:
        setting: name of the setting.
        digest: hash of the recipe, see `digest`; results of a recipe that has changed since are outdated.
        seed: seed of the training.
        images: number of training images.
        seconds: wall-clock time of the training.
        cpu_seconds: processor time of the training.
        precision: precision of the training, which `auto` selects by the processor.
        torch: version of torch.
        last: values of the last checkpoint.
        best: values of the best checkpoint, if the recipe keeps it and it is not the last; otherwise None.
        best_by: metric that selected the best checkpoint.
        protocols: descriptions of how the values were measured.
    """

    setting: str
    digest: str
    seed: int
    images: int
    seconds: float
    cpu_seconds: float
    precision: str
    torch: str
    last: Mapping[str, float]
    best: Mapping[str, float] | None = None
    best_by: str | None = None
    protocols: Mapping[str, str] = field(default_factory=dict)


def read(file: Path) -> list[Figures]:
    """Return all stored results; an empty list if the file does not exist."""
    if not file.exists():
        return []
    return [Figures(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def append(file: Path, figures: Figures) -> None:
    """Append results at once, so that an interruption of a long series loses nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_bytes() if file.exists() else b""
    write_atomically(file, before + (json.dumps(asdict(figures)) + "\n").encode())


def of_setting(at_hand: Iterable[Figures], setting: str, current: str) -> list[Figures]:
    """Return the newest results of a setting's current recipe for each seed, sorted by seed."""
    by_seed = {each.seed: each for each in at_hand if (each.setting, each.digest) == (setting, current)}
    return [by_seed[seed] for seed in sorted(by_seed)]


def digest(recipe: str, options: Sequence[str]) -> str:
    """Return the SHA-256 of all training options that a setting defines; defaults are not included."""
    loaded = load_recipe(recipe, options)
    sections = {name: part for name, part in vars(loaded).items() if isinstance(part, BaseModel)}
    said: dict[str, Any] = {name: part.model_dump(mode="json", exclude_unset=True) for name, part in sections.items()}
    return hashlib.sha256(json.dumps({"family": loaded.info.name, **said}, sort_keys=True).encode()).hexdigest()
