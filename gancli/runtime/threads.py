"""Spin-waiting of OpenMP threads. Torch-free, because the setting must be made before torch is imported."""

from __future__ import annotations

import os

SPINS, POLICY = "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
"""Environment variables of GNU OpenMP, which torch uses on a CPU under Linux; it reads them once, when it is loaded."""

ROUNDS = 10_000
"""Small enough to give way to other programs, and large enough not to slow down training on idle cores (measured: 1,000
is too small).
"""


def limit_spinning() -> None:
    """Let waiting threads sleep after `ROUNDS` rounds of spinning, unless the user has set one of the variables.

    By default a thread spins for about 300,000 rounds, which gains almost nothing on idle cores. On cores shared with
    other programs it occupies the core that the thread it waits for needs: see `benchmarks/crowded.py`.
    """
    if not {SPINS, POLICY} & os.environ.keys():
        os.environ[SPINS] = str(ROUNDS)
