"""Memory that glibc keeps for the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import torch
from gancli.runtime.device import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
def write():
    torch.ones(2**24)  # 64 MB
for _ in range(16):  # at first, blocks of this size do not fit exactly into freed ones
    write()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    write()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_page_faults(mode: str) -> tuple[str, int]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, mode], capture_output=True, text=True, check=True)
    kept, count = done.stdout.split()
    return kept, int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is the C library of Linux")
def test_blocks_above_the_usual_limit_are_used_again_and_not_mapped_anew() -> None:
    kept, after = count_page_faults("keep")
    if kept == "False":
        pytest.skip("the C library is not glibc")
    assert after < count_page_faults("leave")[1] / 4
