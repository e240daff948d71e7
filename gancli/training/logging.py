"""Logging: means of losses and logged values, JSON Lines files, and throughput."""

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
from gancli.io.input_files import read_limited
from gancli.runtime import memory

MAX_LOG_BYTES = 2_000_000_000
"""Size of a log that can be resumed: ten million lines."""


class Averages:
    """Means of values since the last record, summed on the device and read back once."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: Tensor) -> None:
        """Add a 0-dim value without synchronising with the device."""
        value = value.detach()
        if name in self._sums:
            self._sums[name] += value
            self._counts[name] += 1
        else:
            self._sums[name] = value.to(torch.float32, copy=True)
            self._counts[name] = 1

    def take(self) -> dict[str, float]:
        """Return the means sorted by name, so that all records of a run have the same order, and start a new window."""
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
    """A file with one JSON object per line that can be cut back to the size it had at a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line.

        Raises:
            DiskError: writing failed; a partly written line is removed.
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

    def sync(self) -> None:
        """Write the file to the disk, before a checkpoint counts its bytes.

        Raises:
            DiskError: writing failed.
        """
        if self.path.exists():
            with disk_errors(self.path), open(self.path, "rb+") as handle:
                os.fsync(handle.fileno())

    def cut(self, size: int) -> None:
        """Truncate the file to `size` bytes, if it is longer."""
        if self.size > size:
            os.truncate(self.path, size)

    def restore(self, size: int) -> str | None:
        """Return to the content that the file had at a checkpoint.

        Lines after the checkpoint are removed, and half a line at the end as well.

        Args:
            size: size of the file at the checkpoint, in bytes.

        Returns:
            What is missing or damaged, as a sentence; None if the content is complete.

        Raises:
            DataError: it is not a regular file.
            DiskError: writing failed.
        """
        if not self.path.exists():
            return f"{self.path} is missing: its {size:,} bytes are lost" if size else None
        with disk_errors(self.path):
            content = read_limited(self.path, limit=MAX_LOG_BYTES, within=self.path.parent)
            whole = content[:size]
            kept = len(whole) if len(whole) == size else whole.rfind(b"\n") + 1
            self.cut(kept)
        damaged = [number for number, line in enumerate(whole[:kept].splitlines(), 1) if not _is_object(line)]
        if kept < size:
            return f"{self.path} is shorter than at the checkpoint: the last {size - kept:,} of {size:,} bytes are lost"
        if damaged:
            others = f" and {len(damaged) - 1:,} other lines are" if len(damaged) > 1 else " is"
            return f"{self.path}:{damaged[0]}{others} damaged and left as it was"
        return None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class ThroughputMeter:
    """Images per second, between two records and between two reports."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.start(0)

    def start(self, images: int) -> None:
        """Reset all measurements."""
        self._started = self._recorded = self._reported = time.perf_counter()
        self._recorded_images = self._reported_images = images
        self._last = 0.0
        memory.reset_peak(self._device)

    def due(self, seconds: float) -> bool:
        """True if the last report is at least `seconds` ago."""
        return time.perf_counter() - self._reported >= seconds

    def lap(self, images: int) -> float:
        """Images per second since the last report, smoothed."""
        now = time.perf_counter()
        speed = (images - self._reported_images) / max(now - self._reported, 1e-9)
        # Half of the last value keeps the displayed number steady.
        self._last = speed if not self._last else (self._last + speed) / 2
        self._reported, self._reported_images = now, images
        return self._last

    def record(self, images: int) -> dict[str, float]:
        """A record of `timings.jsonl`: seconds since the start; images per second and peak memory since the last
        record, in bytes of the device on a GPU and of the process elsewhere.
        """
        now = time.perf_counter()
        speed = (images - self._recorded_images) / max(now - self._recorded, 1e-9)
        self._recorded, self._recorded_images = now, images
        peak = memory.peak(self._device)
        memory.reset_peak(self._device)
        return {
            "seconds": round(now - self._started, 3),
            "images_per_second": round(speed, 1),
            "peak_memory_bytes": peak,
        }
