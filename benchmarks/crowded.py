"""Training time on cores that other processes use as well, alone and beside busy processes, in interleaved runs.

    python benchmarks/crowded.py
    python benchmarks/crowded.py --recipe dcgan --images 3_000

`spinning` is GNU OpenMP's default, `as gan sets it` is the setting of `gancli/runtime/threads.py`, and `one thread`
never waits. Times are wall-clock seconds: median, shortest and longest of all rounds, which vary widely.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GAN = str(Path(sys.executable).with_name("gan"))
WAYS = {
    "spinning": {"GOMP_SPINCOUNT": "300000"},
    "as gan sets it": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
SAID = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="gan")
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    command = [GAN, "train", arguments.recipe, "--set", f"train.images={arguments.images}", "--device", "cpu"]
    cores = len(os.sched_getaffinity(0))
    for others in (0, cores):
        times: dict[str, list[float]] = {name: [] for name in WAYS}
        with busy(others):
            for _ in range(arguments.rounds):
                for name, variables in WAYS.items():
                    times[name].append(seconds(command, variables))
        print(f"{arguments.recipe} on {cores} cores beside {others} busy processes")
        for name, found in times.items():
            print(f"{name:>16}  {statistics.median(found):6.1f} s  ({min(found):.1f} to {max(found):.1f})")


def seconds(command: list[str], variables: dict[str, str]) -> float:
    kept = {name: value for name, value in os.environ.items() if name not in SAID}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        subprocess.run(command, cwd=folder, env={**kept, **variables}, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begun


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Run `count` processes that keep a core busy each."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()


if __name__ == "__main__":
    main()
