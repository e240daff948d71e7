"""A latent in a file, with the model that it belongs to."""

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
    """A latent that was read.

    Args:
        name: of its file, without the ending.
        z: (1, ...), on the model's device.
        label: the name of the label that it was found with, in a model that takes labels.
    """

    name: str
    z: Tensor
    label: str | None


def write_latent(path: Path, z: Tensor, *, metadata: Mapping[str, Any]) -> None:
    """Writes a latent (1, ...) as safetensors; the metadata are those of a picture of the same model.

    Raises:
        DiskError: the disk refuses.
    """
    content = save({_NAME: z.contiguous().cpu()}, {METADATA_KEY: json.dumps(dict(metadata))})
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


def read_latent(path: Path, model: Model) -> StoredLatent:
    """A latent of this very model.

    Raises:
        DataError: the file cannot be read, or the latent belongs to another model.
    """
    tensors = read_tensors(path)
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(METADATA_KEY, "null")
    made = _made(text)
    if made is None or set(tensors) != {_NAME}:
        raise DataError(f"{path} is no latent of `gan project`; make one with `gan project RUN IMAGE`")
    if made.get("checkpoint") != model.digest:
        raise DataError(
            f"{path} belongs to another model, that of {made.get('run')} at {_images(made)} images, and means nothing "
            f"to that of {model.run} at {model.images:,}; name its run or checkpoint, or project the image again"
        )
    if made.get("ema") != model.ema:
        option = "--ema" if made.get("ema") else "--no-ema"
        raise DataError(f"{path} belongs to other weights of {model.run}; give {option}, or project the image again")
    expected = latents(model, [0])
    z = tensors[_NAME].to(model.device)
    label = made.get("label")
    sound = z.shape == expected.shape and z.dtype == expected.dtype and bool(z.isfinite().all())
    if not sound or (label is not None and label not in model.labels):
        shape = "x".join(map(str, expected.shape[1:]))
        raise DataError(f"{path} is damaged: latents of {model.run} are {shape} finite numbers; project it again")
    return StoredLatent(path.stem, z, label)


def _made(text: str) -> dict[str, Any] | None:
    try:
        made = json.loads(text)
    except ValueError:
        return None
    return made if isinstance(made, dict) else None


def _images(made: Mapping[str, Any]) -> str:
    images = made.get("images")
    return f"{images:,}" if isinstance(images, int) else "an unknown number of"
