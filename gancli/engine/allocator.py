"""What the C library does with large blocks of memory that are freed, which every step asks for again."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)

KEPT = 2**29
"""Bytes: blocks below are kept for the next step, and so much stays with the process in between."""


def keep_freed_memory() -> bool:
    """Lets the process keep what it frees, where the C library is glibc; returns whether it does.

    By itself glibc hands back every block above 32 MB, and a fresh one costs more than most work on it: each page is
    mapped and zeroed anew when it is first written.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries of Linux have none
    return mallopt is not None and all(mallopt(name, KEPT) == 1 for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
