"""Speed and memory of a run, kept apart from its metrics because no two runs agree on them."""

from __future__ import annotations

import resource
import sys
import time

import torch


class Speedometer:
    """Images a second, between two records and between two reports."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.start(0)

    def start(self, images: int) -> None:
        """Forgets everything before now."""
        self._begun = self._recorded = self._reported = time.perf_counter()
        self._recorded_images = self._reported_images = images
        self._last = 0.0

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
        """What one line of `timings.jsonl` holds: seconds since the start, images a second, peak memory in MB."""
        now = time.perf_counter()
        speed = (images - self._recorded_images) / max(now - self._recorded, 1e-9)
        self._recorded, self._recorded_images = now, images
        return {
            "seconds": round(now - self._begun, 3),
            "images_per_second": round(speed, 1),
            "peak_memory_mb": round(peak_memory(self._device) / 1e6, 1),
        }


def peak_memory(device: torch.device) -> int:
    """The largest memory this process has used so far, in bytes: the GPU's on a GPU, else the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
