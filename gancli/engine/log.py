"""What a run writes down while it trains: the means of every value since the last line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli.run import disk_errors


class Averages:
    """Means over a window, summed on the device and read back once."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: Tensor) -> None:
        """Counts in a 0-dim value without waiting for the device."""
        value = value.detach()
        if name in self._sums:
            self._sums[name] += value
            self._counts[name] += 1
        else:
            self._sums[name] = value.to(torch.float32, copy=True)
            self._counts[name] = 1

    def take(self) -> dict[str, float]:
        """The means so far, by name, so that every line of a run lists them alike; the window starts anew."""
        if not self._sums:
            return {}
        sums = torch.stack(list(self._sums.values())).tolist()
        means = {name: total / self._counts[name] for name, total in zip(self._sums, sums, strict=True)}
        self._sums, self._counts = {}, {}
        return dict(sorted(means.items()))

    def state(self) -> dict[str, Any]:
        return {name: [float(self._sums[name]), self._counts[name]] for name in self._sums}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        self._sums = {name: torch.tensor(total, device=device) for name, (total, _) in state.items()}
        self._counts = {name: count for name, (_, count) in state.items()}


class JsonLines:
    """A file of one JSON object a line that can be cut back to where a checkpoint was taken."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds one line.

        Raises:
            DiskError: the disk refuses; what was half written is cut off again.
        """
        line = (json.dumps(record) + "\n").encode()
        before = self.size
        with disk_errors(self.path):
            try:
                with open(self.path, "ab") as handle:
                    handle.write(line)
            except OSError:
                self.cut(before)
                raise

    def cut(self, size: int) -> None:
        """Shortens the file to `size` bytes, if it is longer."""
        if self.size > size:
            os.truncate(self.path, size)
