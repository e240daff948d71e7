"""The best checkpoint of a run by one metric, which is kept beside the newest ones.

`checkpoints/best.json` names it. The file is written after the checkpoint, and nothing but a reader's way to it: what
training goes by is part of each checkpoint's state. So a file that is missing, late or ahead does no harm.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from gancli.run import MANIFEST, disk_errors, write_atomically

MARKER = "best.json"

NAME = "best"
"""What a person calls it in a path: `<run>/checkpoints/best`."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """A checkpoint and what made it the best.

    Args:
        images: its name.
        metric: that decided.
        value: of it.
    """

    images: int
    metric: str
    value: float


def write(folder: Path, best: Best | None) -> None:
    """Names the best checkpoint under `folder`, or none.

    Raises:
        DiskError: the disk refuses; what was named before is intact.
    """
    file = folder / MARKER
    with disk_errors(file):
        if best is None:
            file.unlink(missing_ok=True)
        else:
            write_atomically(file, (json.dumps(asdict(best)) + "\n").encode())


def find(folder: Path) -> Best | None:
    """The best checkpoint under `folder`; None where none is named, or it is no longer there."""
    try:
        best = Best(**json.loads((folder / MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return best if exists(folder, best) else None


def exists(folder: Path, best: Best) -> bool:
    """Whether its checkpoint is complete."""
    return (folder / str(best.images) / MANIFEST).is_file()
