"""How long threads that compute wait for each other at full speed; torch-free, since it must be said before torch."""

from __future__ import annotations

import os

SPINS, POLICY = "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
"""Variables of GNU's OpenMP, by which torch computes on a CPU under Linux; it reads them once, when it is loaded."""

ROUNDS = 10_000
"""Few enough to let others work, and enough that on cores of its own a training takes what it took: measured, as 1,000
are too few for that."""


def limit_spinning() -> None:
    """Lets a thread that has done its part sleep after `ROUNDS` rounds of waiting, unless the user's variables say
    something else.

    By itself it spins for some 300,000 rounds, which gains next to nothing on cores of its own. On cores that others
    use as well, it holds the one that the thread it waits for would need: see `benchmarks/crowded.py`.
    """
    if not {SPINS, POLICY} & os.environ.keys():
        os.environ[SPINS] = str(ROUNDS)
