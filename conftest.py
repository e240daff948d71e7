"""Every test process computes on one thread: two of them share the machine, and spinning threads would starve both."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
