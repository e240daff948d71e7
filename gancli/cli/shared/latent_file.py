"""Latent files: a latent and the checkpoint that it belongs to, as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from gancli.errors import DataError
from gancli.inference.model import Model
from gancli.inference.sample import latents
from gancli.io.files import disk_errors, write_atomically
from gancli.io.images import METADATA_KEY
from gancli.weights.safetensors_file import read_tensors

_NAME = "z"


@dataclass(frozen=True, eq=False)
class StoredLatent:
    """A latent from a file.

    Args:
        name: file name without suffix.
        z: latent (1, ...) on the model's device.
        label: name of the label that the latent was found with, if the model takes labels.
    """

    name: str
    z: Tensor
    label: str | None


def write_latent(path: Path, z: Tensor, *, metadata: Mapping[str, Any]) -> None:
    """Write a latent (1, ...) with the same metadata as an image of the model.

    Raises:
        DiskError: the file cannot be written.
    """
    content = save({_NAME: z.contiguous().cpu()}, {METADATA_KEY: json.dumps(dict(metadata))})
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


def read_latent(path: Path, model: Model) -> StoredLatent:
    """Read a latent of the model.

    Raises:
        DataError: the file cannot be read, or the latent belongs to another checkpoint.
    """
    tensors = read_tensors(path)
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(METADATA_KEY, "null")
    metadata = _parse(text)
    if metadata is None or set(tensors) != {_NAME}:
        raise DataError(f"{path} is not a latent file of `gan project`; create one with `gan project RUN IMAGE`")
    if metadata.get("checkpoint") != model.digest:
        raise DataError(
            f"{path} belongs to another model ({metadata.get('run')} at {_images(metadata)} images), not to "
            f"{model.run} at {model.images:,} images; name its run or checkpoint, or project the image again"
        )
    if metadata.get("ema") != model.ema:
        option = "--ema" if metadata.get("ema") else "--no-ema"
        raise DataError(f"{path} belongs to other weights of {model.run}; add {option}, or project the image again")
    expected = latents(model, [0])
    z = tensors[_NAME].to(model.device)
    label = metadata.get("label")
    valid = z.shape == expected.shape and z.dtype == expected.dtype and bool(z.isfinite().all())
    if not valid or (label is not None and label not in model.labels):
        shape = "x".join(map(str, expected.shape[1:]))
        raise DataError(
            f"{path} is damaged: latents of {model.run} have {shape} finite numbers; project the image again"
        )
    return StoredLatent(path.stem, z, label)


def _parse(text: str) -> dict[str, Any] | None:
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return metadata if isinstance(metadata, dict) else None


def _images(metadata: Mapping[str, Any]) -> str:
    images = metadata.get("images")
    return f"{images:,}" if isinstance(images, int) else "an unknown number of"
