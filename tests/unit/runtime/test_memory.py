"""Peak memory over a period, not over the life of the process."""

from __future__ import annotations

import mmap
import sys

import pytest
import torch

from gancli.runtime import memory

CPU = torch.device("cpu")
SIZE = 200_000_000


def use() -> None:
    """Write to `SIZE` bytes and return them to the system, which the C library might not do."""
    with mmap.mmap(-1, SIZE) as pages:
        for _ in range(100):
            pages.write(bytes(SIZE // 100))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can reset the peak")
def test_a_peak_is_forgotten() -> None:
    memory.reset_peak(CPU)
    before = memory.peak(CPU)
    use()
    during = memory.peak(CPU)
    memory.reset_peak(CPU)
    after = memory.peak(CPU)
    assert during - before > 0.9 * SIZE
    assert during - after > 0.9 * SIZE


def test_a_system_that_cannot_forget_tells_the_largest_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "no status")
    monkeypatch.setattr(memory, "_CLEAR_REFS", tmp_path / "no folder" / "clear")
    memory.reset_peak(CPU)
    first = memory.peak(CPU)
    use()
    assert memory.peak(CPU) >= max(first, SIZE)
