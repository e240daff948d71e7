"""What may stay in memory, and what is read from where it lies."""

from __future__ import annotations

import os
from collections.abc import Collection

import numpy as np
import torch

from gancli.io.types import Bytes, Points


def fits(arrays: Collection[Bytes | Points], device: torch.device) -> bool:
    """Whether the arrays may be kept on the device whole: within a quarter of the device's free memory together.

    On a CPU they are in memory already, unless they are maps; of maps, up to a quarter of all memory may fill with
    them. On Apple's GPUs, which share the CPU's memory, the same quarter counts.
    """
    if device.type == "cuda":
        return sum(array.nbytes for array in arrays) <= torch.cuda.mem_get_info(device)[0] // 4
    unread = [array for array in arrays if device.type != "cpu" or isinstance(array, np.memmap)]
    return not unread or fits_in_memory(sum(array.nbytes for array in unread))


def fits_in_memory(size: int) -> bool:
    """Whether so many bytes are at most a quarter of this machine's memory."""
    return size <= _physical_memory() // 4


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
