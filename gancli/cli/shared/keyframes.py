"""Keyframes of a walk through latent space: latents from files, latents of seeds, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli import latent
from gancli.cli.shared.latent_file import StoredLatent, read_latent
from gancli.cli.shared.models import label_indices, slug
from gancli.cli.shared.seed_arithmetic import parse_seeds
from gancli.errors import UsageError
from gancli.inference.model import Model
from gancli.inference.sample import latents

DEFAULT_SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True, kw_only=True)
class Keyframes:
    """One latent and, if the model takes labels, one label per keyframe; latents from files come before seeds.

    Args:
        stored: latents from files.
        seeds: seeds of latents, as in `gan sample`.
        labels: label indices, one per keyframe; empty for a model without labels.
        names: names of all labels of the model.
    """

    stored: Sequence[StoredLatent]
    seeds: Sequence[int]
    labels: Sequence[int]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.stored) + len(self.seeds)

    @property
    def captions(self) -> list[str]:
        """The text that distinguishes each keyframe from the others: its file or seed, its label, or both."""
        sources = [*(stored.name for stored in self.stored), *map(str, self.seeds)]
        columns = []
        if len(set(self.labels)) > 1:
            columns.append([self.names[label] for label in self.labels])
        if len(set(sources)) > 1:
            columns.append(sources)
        return [" ".join(words) for words in zip(*columns, strict=True)] or [""] * len(self)

    @property
    def file_name(self) -> str:
        """The part of a file name that depends on the keyframes."""
        kinds = {
            "latents": [slug(stored.name) for stored in self.stored],
            "seeds": map(str, self.seeds),
            "labels": map(str, self.labels),
        }
        parts = {kind: "-".join(dict.fromkeys(values)) for kind, values in kinds.items()}
        return "-".join(kind + part for kind, part in parts.items() if part)

    def metadata(self) -> dict[str, list[Any]]:
        """The keyframes for metadata and JSON, with names of labels."""
        labels = [self.names[label] for label in self.labels]
        stored = [stored.name for stored in self.stored]
        kinds: dict[str, list[Any]] = {"latents": stored, "seeds": list(self.seeds), "labels": labels}
        return {kind: values for kind, values in kinds.items() if values}

    def latents(self, model: Model, *, truncation: float | None) -> Tensor:
        """Return the latents (N, ...) of the keyframes on the model's device; truncation applies to those of seeds."""
        sampled = [latents(model, self.seeds, truncation=truncation)] if self.seeds else []
        return torch.cat([*(stored.z for stored in self.stored), *sampled])

    def walk(
        self, model: Model, *, frames: int, loop: bool, path: str, truncation: float | None
    ) -> tuple[Tensor, Tensor | None, list[int]]:
        """Interpolate between the keyframes.

        Args:
            model: model that the latents belong to.
            frames: number of frames.
            loop: return to the first keyframe.
            path: key of `latent.PATHS`.
            truncation: largest absolute value of a normal number in a latent (default: no limit).

        Returns:
            The latents (frames, ...), the labels or label weights of the frames, and the indices of the frames that
            are keyframes.
        """
        between, distance = latent.PATHS[path]
        z = self.latents(model, truncation=truncation)
        lengths = distance(*latent.segments(z, loop=loop))
        # A step between labels is as long as a mean step between latents, so that a change of the label alone takes
        # time too.
        lengths = lengths / lengths[lengths > 0].mean() if lengths.any() else lengths
        label = torch.tensor(self.labels, device=model.device) if self.labels else None
        if label is not None:
            starts, ends = latent.segments(label, loop=loop)
            lengths = lengths.maximum((starts != ends).to(lengths))
        positions = latent.frame_positions(lengths, frames, loop=loop)
        indices = [frame for frame, position in enumerate(positions.tolist()) if position.is_integer()]
        walked = latent.walk(z, positions, loop=loop, between=between)
        if label is None or len(set(self.labels)) == 1:
            return walked, None if label is None else label[:1].expand(frames), indices
        weights = latent.label_weights(label, len(self.names))
        return walked, latent.walk(weights, positions, loop=loop, between=latent.lerp), indices


def parse_keyframes(files: str | None, seeds: str | None, labels: str | None, model: Model) -> Keyframes:
    """Parse the keyframes of a command line.

    Args:
        files: comma-separated latent files of `gan project`.
        seeds: comma-separated seeds (default: a few seeds, or none if files are given).
        labels: comma-separated labels: one per keyframe, one for all keyframes, or several for a single keyframe
            (default: the labels stored in the files, and the first label for seeds).
        model: model that generates the images.

    Raises:
        GanError: the numbers of keyframes and labels differ, there are fewer than two keyframes, or a file belongs to
            another model.
    """
    stored = [] if files is None else [read_latent(Path(file.strip()), model) for file in files.split(",")]
    indices = [] if labels is None else label_indices(_split_labels(labels, model), model)
    default = () if stored else DEFAULT_SEEDS[:1] if len(indices) > 1 else DEFAULT_SEEDS
    seed_list = list(default) if seeds is None else parse_seeds(seeds)
    keyframes = len(stored) + len(seed_list)
    if labels is None and model.labels:
        of_files = [0 if item.label is None else model.labels.index(item.label) for item in stored]
        indices = [*of_files, *[0] * len(seed_list)]
    count = max(keyframes, len(indices))
    if keyframes not in (1, count) or (indices and len(indices) not in (1, count)):
        options = "--latents and --seeds" if stored and seed_list else "--latents" if stored else "--seeds"
        raise UsageError(
            f"{options} give {keyframes} keyframes, and --labels gives {len(indices)} labels: give the same number of "
            "both, or only one of either"
        )
    if count < 2:
        raise UsageError("an interpolation needs at least two keyframes: name two seeds or more, as in --seeds 1,7,9")
    return Keyframes(
        stored=stored * count if keyframes == 1 else stored,
        seeds=seed_list * count if keyframes == 1 else seed_list,
        labels=indices * count if len(indices) == 1 else indices,
        names=model.labels,
    )


def _split_labels(labels: str, model: Model) -> list[str]:
    """Split a comma-separated list of labels, unless it is itself the name of a label."""
    return [labels] if labels in model.labels else [label.strip() for label in labels.split(",")]
