"""Free memory, and peak memory over a period: of the device on a GPU, of the process elsewhere."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import torch

from gancli.errors import UsageError

_STATUS = Path("/proc/self/status")

_CLEAR_REFS = Path("/proc/self/clear_refs")

_MEMINFO = Path("/proc/meminfo")

_CGROUP = Path("/sys/fs/cgroup")


def reset_peak(device: torch.device) -> None:
    """Start a new period. On systems that cannot reset the peak of a process, the period starts with the process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        _CLEAR_REFS.write_text("5")  # Linux: sets the peak to the current resident size


def peak(device: torch.device) -> int:
    """Return the peak since `reset_peak` in bytes: memory allocated by torch on a GPU, else resident memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return _peak_of_process()


def free(device: torch.device) -> int | None:
    """Return the available memory in bytes; None if the system does not report it.

    On a CPU this is the smaller of the machine's available memory and what the process's container has left.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    known = [available for available in (_free_on_machine(), _free_in_container()) if available is not None]
    return min(known, default=None)


def require(needed: int, subject: str, option: str, device: torch.device = torch.device("cpu")) -> None:  # noqa: B008
    """Check that something fits into the free memory before it is allocated.

    Args:
        needed: bytes, at least.
        subject: what takes them, in the plural, as the beginning of the error message: `1,000 images of 3x64x64`.
        option: option to lower, as the end of the message.
        device: where it is allocated.

    Raises:
        UsageError: it does not fit.
    """
    available = free(device)
    if available is not None and needed > available:
        raise UsageError(
            f"{subject} take at least {needed / 1e9:,.1f} GB, but {available / 1e9:,.1f} GB of memory are free; "
            f"lower {option}"
        )


def _free_on_machine() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _free_in_container() -> int | None:
    try:
        limit, used, stat = ((_CGROUP / f"memory.{name}").read_text() for name in ("max", "current", "stat"))
        if limit.strip() == "max":
            return None
        reclaimable = int(dict(line.split() for line in stat.splitlines())["inactive_file"])  # page cache
        return max(0, int(limit) - int(used) + reclaimable)
    except (OSError, ValueError, KeyError):
        return None


def _peak_of_process() -> int:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
