"""Memory that is free, and the largest in use over a stretch of time: the device's on a GPU, the process' elsewhere."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")

_CLEAR = Path("/proc/self/clear_refs")

_SYSTEM = Path("/proc/meminfo")

_GROUP = Path("/sys/fs/cgroup")


def reset_peak(device: torch.device) -> None:
    """Begins a stretch. Where the system cannot forget a process' peak, the stretch began with the process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        _CLEAR.write_text("5")  # Linux: the peak becomes what is resident now


def peak(device: torch.device) -> int:
    """The peak since `reset_peak`, in bytes: what torch allocated on a GPU, else what the process had resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return _largest_ever()


def free(device: torch.device) -> int | None:
    """The memory that could still be taken, in bytes; None where the system does not say.

    On a CPU it is the machine's, or what is left to the container that the process is in, if that is less.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    known = [left for left in (_left_to_machine(), _left_to_group()) if left is not None]
    return min(known, default=None)


def _left_to_machine() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _SYSTEM.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _left_to_group() -> int | None:
    try:
        limit, used, stat = ((_GROUP / f"memory.{name}").read_text() for name in ("max", "current", "stat"))
        if limit.strip() == "max":
            return None
        read_once = int(dict(line.split() for line in stat.splitlines())["inactive_file"])  # given back when wanted
        return max(0, int(limit) - int(used) + read_once)
    except (OSError, ValueError, KeyError):
        return None


def _largest_ever() -> int:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
