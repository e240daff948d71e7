"""A classifier as a safetensors file: kept in the cache by what it was trained on, or taken anywhere as a backbone.

Its header says what it is under one key, as JSON, since the order of several is not the same twice: the same classifier
is the same bytes.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from gancli.errors import DataError
from gancli.metrics.backbones.classifier import VERSION, Classifier
from gancli.run import write_atomically
from gancli.weights.fetching import sha256_of
from gancli.weights.tensor_file import read_tensors

KEY = "gancli-classifier"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a classifier reads, and what it tells apart.

    Args:
        channels: of the images.
        height: of them, before it averages them down.
        width: of them.
        labels: their names, in the order of the logits.
        version: of the code that trained it.
    """

    channels: int
    height: int
    width: int
    labels: tuple[str, ...]
    version: int = VERSION

    def build(self) -> Classifier:
        return Classifier(self.channels, self.height, self.width, len(self.labels)).requires_grad_(False).eval()


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A classifier that lies in a file, whose SHA-256 is its digest."""

    network: Classifier
    description: Description
    digest: str


def write(path: Path, network: Classifier, description: Description) -> None:
    """Writes a classifier.

    Raises:
        OSError: the disk refuses; nothing half written is left.
    """
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    content = save(tensors, metadata={KEY: json.dumps(asdict(description))})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def read(path: Path) -> Saved:
    """The classifier of a file.

    Raises:
        DataError: it is none that `write` wrote, or one of another version of gancli.
    """
    described = _described(path)
    try:
        description = Description(**{**described, "labels": tuple(map(str, described["labels"]))})
        if description.version != VERSION:
            raise DataError(f"{path} is a classifier of another version of gancli; have it trained again")
        network = description.build()
        network.load_state_dict(read_tensors(path))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path} is a damaged classifier ({str(error).splitlines()[0]}); have it trained again"
        ) from None
    return Saved(network=network, description=description, digest=sha256_of(path))


def _described(path: Path) -> dict[str, Any]:
    read_tensors(path)  # refuses what claims too much before anything else opens it
    with suppress(SafetensorError, OSError, ValueError):
        with safe_open(path, "pt") as opened:
            described = json.loads((opened.metadata() or {})[KEY]) if KEY in (opened.metadata() or {}) else None
        if isinstance(described, dict):
            return described
    raise DataError(f"{path} is no classifier that gancli trained; name one, the directory of a run, or `inception`")
