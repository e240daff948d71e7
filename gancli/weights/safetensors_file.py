"""Safetensors files from untrusted sources, with limits on their headers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from gancli.errors import DataError
from gancli.io.input_files import open_regular

MAX_HEADER_BYTES = 4_000_000

MAX_TENSORS = 20_000

CONTENT = "content"
"""Metadata of files that this toolkit writes for itself: hash of their tensors, from `content_digest`."""

Tensors = dict[str, Tensor]


def read_tensors(path: Path) -> Tensors:
    """Read the tensors of a safetensors file after checking the size of its header.

    Raises:
        DataError: it is not a valid safetensors file, or its header is too large.
    """
    try:
        with open_regular(path) as handle:
            length = int.from_bytes(handle.read(8), "little")
            if length > MAX_HEADER_BYTES:
                raise DataError(f"{path} is refused: its header claims {length:,} bytes")
            header = json.loads(handle.read(length), object_pairs_hook=_unique)
        if not isinstance(header, dict):
            raise DataError(f"{path} is not a valid safetensors file (its header is not an object)")
        if len(header) > MAX_TENSORS:
            raise DataError(f"{path} is refused: it claims {len(header):,} tensors")
        return dict(load_file(path))
    except RecursionError:
        raise DataError(f"{path} is refused: its header is nested too deeply") from None
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"{path} is not a valid safetensors file ({error})") from None


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return a hash of the names, types, shapes and bytes of tensors on the CPU, in hex."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a file that `read_tensors` has read; empty if it has none."""
    with safe_open(path, "pt") as opened:
        return dict(opened.metadata() or {})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice in its header")
    return dict(pairs)
