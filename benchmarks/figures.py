"""The figures at hand: a line of JSON for every setting and seed that was trained and measured; none is done twice."""

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
"""Where they are kept, if nothing else is said: beside the page that is made of them, so that whoever has the project
can add to them, or hold the page against them."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one setting reached with one seed.

    Args:
        setting: its name.
        digest: of the recipe that was trained, as `digest` says: figures of a recipe that has changed since are stale.
        seed: of the training.
        images: training images shown.
        seconds: that training took, by the clock.
        cpu_seconds: processor time of that.
        precision: that it was trained in, which `auto` chooses by the processor.
        torch: its version.
        last: figures of the last checkpoint.
        best: those of the best one, where the recipe keeps it and it is another; None elsewhere.
        best_by: the metric that decided which is best.
        protocols: how the figures were taken.
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
    """Everything that is at hand; nothing where there is no such file."""
    if not file.exists():
        return []
    return [Figures(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def append(file: Path, figures: Figures) -> None:
    """At the end, so that whatever stops a long series later takes nothing away."""
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_bytes() if file.exists() else b""
    write_atomically(file, before + (json.dumps(asdict(figures)) + "\n").encode())


def of_setting(at_hand: Iterable[Figures], setting: str, current: str) -> list[Figures]:
    """Those of a setting's current recipe, by seed; of one seed the newest."""
    by_seed = {each.seed: each for each in at_hand if (each.setting, each.digest) == (setting, current)}
    return [by_seed[seed] for seed in sorted(by_seed)]


def digest(recipe: str, options: Sequence[str]) -> str:
    """SHA-256 of all that a setting says of its training; what it leaves to the defaults is no part of it."""
    loaded = load_recipe(recipe, options)
    sections = {name: part for name, part in vars(loaded).items() if isinstance(part, BaseModel)}
    said: dict[str, Any] = {name: part.model_dump(mode="json", exclude_unset=True) for name, part in sections.items()}
    return hashlib.sha256(json.dumps({"family": loaded.info.name, **said}, sort_keys=True).encode()).hexdigest()
