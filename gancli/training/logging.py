"""What a run writes down while it trains: the means of every value since the last line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli.io.files import disk_errors
from gancli.runtime import memory


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


class ThroughputMeter:
    """Images a second, between two records and between two reports."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.start(0)

    def start(self, images: int) -> None:
        """Forgets everything before now."""
        self._begun = self._recorded = self._reported = time.perf_counter()
        self._recorded_images = self._reported_images = images
        self._last = 0.0
        memory.reset_peak(self._device)

    def due(self, seconds: float) -> bool:
        """Whether the last report is so long ago."""
        return time.perf_counter() - self._reported >= seconds

    def lap(self, images: int) -> float:
        """Images a second since the last lap."""
        now = time.perf_counter()
        speed = (images - self._reported_images) / max(now - self._reported, 1e-9)
        # Half of the last value, so that a number that a person reads does not flicker.
        self._last = speed if not self._last else (self._last + speed) / 2
        self._reported, self._reported_images = now, images
        return self._last

    def record(self, images: int) -> dict[str, float]:
        """What one line of `timings.jsonl` holds: seconds since the start; since the last line, images a second and the
        peak memory, the device's on a GPU and the process' elsewhere.
        """
        now = time.perf_counter()
        speed = (images - self._recorded_images) / max(now - self._recorded, 1e-9)
        self._recorded, self._recorded_images = now, images
        peak = memory.peak(self._device)
        memory.reset_peak(self._device)
        return {
            "seconds": round(now - self._begun, 3),
            "images_per_second": round(speed, 1),
            "peak_memory_bytes": peak,
        }
