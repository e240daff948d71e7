"""Time of the Fréchet distance, compared with SciPy's general matrix root, the usual implementation.

    python benchmarks/frechet.py

The ratio is the median of interleaved pairs, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from gancli.metrics.fd import frechet_distance_of_features

DIM = 2_048


def features(count: int, *, seed: int) -> Tensor:
    """Return random features like Inception's: (count, 2048), not negative, correlated."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, 128, generator=generator) @ torch.randn(128, DIM, generator=generator) / 128**0.5
    return (mixed + 0.1 * torch.randn(count, DIM, generator=generator)).clamp(min=0)


def by_general_root(first: Tensor, second: Tensor) -> float:
    """Compute the distance with the general matrix root."""
    covariances = [np.cov(part.double().numpy(), rowvar=False) for part in (first, second)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    shift = (first.double().mean(0) - second.double().mean(0)).square().sum().item()
    return float(shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root))


def seconds(compute: Callable[[Tensor, Tensor], float], *sets: Tensor) -> tuple[float, float]:
    """Return time and value."""
    begun = time.perf_counter()
    value = compute(*sets)
    return time.perf_counter() - begun, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3, help="number of timed pairs")
    pairs = parser.parse_args().pairs
    large = features(10_000, seed=0), features(10_000, seed=1)
    taken = [seconds(frechet_distance_of_features, *large)[0] for _ in range(pairs)]
    print(f"10,000 x {DIM:,} features, {torch.get_num_threads()} threads: {statistics.median(taken):.1f} s", flush=True)
    small = features(500, seed=0), features(500, seed=1)
    ratios, apart = [], 0.0
    for _ in range(pairs):
        ours, theirs = seconds(frechet_distance_of_features, *small), seconds(by_general_root, *small)
        ratios.append(theirs[0] / ours[0])
        apart = max(apart, abs(ours[1] - theirs[1]) / ours[1])
        print(f"500 x {DIM:,}: {ours[0]:.2f} s, by sqrtm {theirs[0]:.1f} s", flush=True)
    print(f"{statistics.median(ratios):.0f} times as fast; relative difference of the values {apart:.1e}")


if __name__ == "__main__":
    main()
