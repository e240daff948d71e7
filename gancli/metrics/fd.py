"""Fréchet distance between features of samples and of training images: Heusel et al. 2017, "GANs Trained by a Two
Time-Scale Update Rule Converge to a Local Nash Equilibrium". It is called FID for features of Inception.

The distance between two Gaussians with the means and covariances of the features:

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

All computations are in float64: in float32 the trace of the root is wrong by whole units if covariances are nearly
singular. The trace needs only the singular values of a product of two square roots, so the general matrix root of the
published code is not needed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gancli.errors import DataError
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.feature_cache import compute_features


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the distance of samples, and of test images, to training images.

    Raises:
        GanError: the backbone does not exist, or a sample is not finite.
    """
    features = compute_features(context)
    return [
        Measurement(
            metric=features.metric_name("FD", suffix),
            value=frechet_distance_of_features(output.features, features.train.features),
            protocol=features.protocol(suffix),
        )
        for suffix, output in features.evaluated.items()
    ]


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Return the distance (squared, as published) between N(mean1, cov1) and N(mean2, cov2).

    Args:
        mean1: (D,).
        cov1: (D, D), symmetric and positive semidefinite.
        mean2: (D,).
        cov2: (D, D), symmetric and positive semidefinite.

    Raises:
        DataError: the shapes do not match, or a number is not finite.
    """
    mean1, cov1, mean2, cov2 = (_to_double(part) for part in (mean1, cov1, mean2, cov2))
    dim = len(mean1)
    if not mean1.shape == mean2.shape == (dim,) or not cov1.shape == cov2.shape == (dim, dim):
        raise DataError("a Fréchet distance requires two means of equal length and two covariances of that size")
    root = _matrix_root(cov1)
    # C1 C2 has the eigenvalues of the symmetric R C2 R, R R = C1. Rounding may make some of them negative.
    trace_of_root = torch.linalg.eigvalsh(root @ cov2 @ root).clamp(min=0).sqrt().sum()
    return _distance(mean1, mean2, cov1.trace() + cov2.trace(), trace_of_root)


def frechet_distance_of_features(features1: Tensor, features2: Tensor) -> float:
    """Return the distance between Gaussians with the means and unbiased covariances of two sets of features.

    Args:
        features1: (N1, D), N1 at least 2.
        features2: (N2, D), N2 at least 2.

    Raises:
        DataError: a set is too small, the sets differ in D, or a number is not finite.
    """
    features1, features2 = _to_double(features1), _to_double(features2)
    if min(features1.dim(), features2.dim()) < 2 or features1.shape[1:] != features2.shape[1:]:
        raise DataError("a Fréchet distance requires two sets of features of equal dimension")
    if min(len(features1), len(features2)) < 2:
        raise DataError("a Fréchet distance requires at least two rows of features in each set")
    mean1, mean2 = features1.mean(0), features2.mean(0)
    # With A = (X - m) / sqrt(N - 1) the covariance is A^T A.
    parts1 = (features1 - mean1) / math.sqrt(len(features1) - 1)
    parts2 = (features2 - mean2) / math.sqrt(len(features2) - 1)
    if max(len(parts1), len(parts2)) > parts1.shape[1]:
        return frechet_distance(mean1, parts1.T @ parts1, mean2, parts2.T @ parts2)
    # Few rows: the roots of the eigenvalues of A1^T A1 A2^T A2 are the singular values of the small A1 A2^T.
    trace_of_root = torch.linalg.matrix_norm(parts1 @ parts2.T, ord="nuc")
    return _distance(mean1, mean2, parts1.square().sum() + parts2.square().sum(), trace_of_root)


def _distance(mean1: Tensor, mean2: Tensor, traces: Tensor, trace_of_root: Tensor) -> float:
    return float((mean1 - mean2).square().sum() + traces - 2 * trace_of_root)


def _matrix_root(covariance: Tensor) -> Tensor:
    """Return the symmetric square root, (D, D)."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def _to_double(numbers: Tensor) -> Tensor:
    """Convert to float64, on the CPU if the device has no float64."""
    if not numbers.is_floating_point() or not numbers.isfinite().all():
        raise DataError("a Fréchet distance requires finite floating-point numbers")
    return (numbers.cpu() if numbers.device.type == "mps" else numbers).detach().double()
