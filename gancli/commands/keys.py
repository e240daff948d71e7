"""What a walk through latent space passes: latents of files, latents of seeds, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli.commands.latent_file import StoredLatent, read_latent
from gancli.commands.sampler import label_indices, safe
from gancli.engine.drawing import latents
from gancli.engine.model import Model
from gancli.errors import UsageError
from gancli.expression import parse_seeds

SEEDS = (0, 1, 2, 3, 4)
"""What is walked through where nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """One latent and, in a model that takes labels, one label a key: those of files first, then those of seeds.

    Args:
        stored: latents that were read.
        seeds: as `gan sample` takes them.
        labels: indices, as many as keys; empty for a model without labels.
        names: of all labels of the model.
    """

    stored: Sequence[StoredLatent]
    seeds: Sequence[int]
    labels: Sequence[int]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.stored) + len(self.seeds)

    @property
    def _places(self) -> list[str]:
        return [*(each.name for each in self.stored), *map(str, self.seeds)]

    @property
    def captions(self) -> list[str]:
        """What tells each key from the others: its file or seed, its label, or both."""
        places = self._places if len(set(self._places)) > 1 else []
        labels = [self.names[label] for label in self.labels] if len(set(self.labels)) > 1 else []
        columns = [column for column in (labels, places) if column]
        return [" ".join(words) for words in zip(*columns, strict=True)] or [""] * len(self)

    @property
    def file_name(self) -> str:
        """What makes the walk another one, as a part of a file's name."""
        kinds = {
            "latents": [safe(each.name) for each in self.stored],
            "seeds": map(str, self.seeds),
            "labels": map(str, self.labels),
        }
        parts = {kind: "-".join(dict.fromkeys(each)) for kind, each in kinds.items()}
        return "-".join(kind + part for kind, part in parts.items() if part)

    def listed(self) -> dict[str, list[Any]]:
        """The keys for metadata and JSON, labels by name."""
        labels = [self.names[label] for label in self.labels]
        stored = [each.name for each in self.stored]
        kinds: dict[str, list[Any]] = {"latents": stored, "seeds": list(self.seeds), "labels": labels}
        return {kind: each for kind, each in kinds.items() if each}

    def latents(self, model: Model, *, truncation: float | None) -> Tensor:
        """The latent (N, ...) of every key, on the model's device; only those of seeds are truncated."""
        drawn = [latents(model, self.seeds, truncation=truncation)] if self.seeds else []
        return torch.cat([*(each.z for each in self.stored), *drawn])


def find_keys(files: str | None, seeds: str | None, labels: str | None, model: Model) -> Keys:
    """The keys that a command line names.

    Args:
        files: latents of `gan project`, with commas between.
        seeds: with commas between; where neither these nor files are named, some.
        labels: likewise, as many as keys, or one for all, or several for one key; those that files were found with and
            the first label for seeds, if None.
        model: that will draw.

    Raises:
        GanError: the numbers do not go together, there is nowhere to walk to, or a file belongs to another model.
    """
    stored = [] if files is None else [read_latent(Path(file.strip()), model) for file in files.split(",")]
    chosen = [] if labels is None else label_indices(_split(labels, model), model)
    default = () if stored else SEEDS[:1] if len(chosen) > 1 else SEEDS
    wanted = list(default) if seeds is None else parse_seeds(seeds)
    keys = len(stored) + len(wanted)
    if labels is None and model.labels:
        chosen = [*(0 if each.label is None else model.labels.index(each.label) for each in stored), *[0] * len(wanted)]
    count = max(keys, len(chosen))
    if keys not in (1, count) or (chosen and len(chosen) not in (1, count)):
        named = "--latents and --seeds name" if stored and wanted else "--latents names" if stored else "--seeds names"
        raise UsageError(f"{named} {keys} and --labels {len(chosen)}: give as many of both, or only one of either")
    if count < 2:
        raise UsageError("there is nowhere to walk to: name two seeds or more, as in --seeds 1,7,9")
    return Keys(
        stored=stored * count if keys == 1 else stored,
        seeds=wanted * count if keys == 1 else wanted,
        labels=chosen * count if len(chosen) == 1 else chosen,
        names=model.labels,
    )


def _split(labels: str, model: Model) -> list[str]:
    """Names of labels with commas between them, or one name that has a comma itself."""
    return [labels] if labels in model.labels else [label.strip() for label in labels.split(",")]
