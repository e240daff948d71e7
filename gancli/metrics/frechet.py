"""The Fréchet distance between two Gaussians.

Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", make of it a
distance between two sets of features:

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

Everything is computed in float64: in float32 the trace of the root is off by whole units where covariances are nearly
singular. The general matrix root of the published code is avoided, since the trace needs only the singular values of a
product of two square roots. Which features were taken decides what a value means; no two kinds can be compared.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gancli.errors import DataError


def frechet(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """The distance (squared, as published) between N(mean1, cov1) and N(mean2, cov2).

    Args:
        mean1: (D,).
        cov1: (D, D), symmetric and positive semidefinite.
        mean2: likewise.
        cov2: likewise.

    Raises:
        DataError: shapes do not agree, or a number is not finite.
    """
    mean1, cov1, mean2, cov2 = (_double(part) for part in (mean1, cov1, mean2, cov2))
    dim = len(mean1)
    if not mean1.shape == mean2.shape == (dim,) or not cov1.shape == cov2.shape == (dim, dim):
        raise DataError("a Fréchet distance takes two means of one length and two covariances of that size")
    root = _root(cov1)
    # C1 C2 has the eigenvalues of the symmetric R C2 R, R R = C1. Those of rounding alone may be below zero.
    product = torch.linalg.eigvalsh(root @ cov2 @ root).clamp(min=0).sqrt().sum()
    return _distance(mean1, mean2, cov1.trace() + cov2.trace(), product)


def frechet_of_features(features1: Tensor, features2: Tensor) -> float:
    """The same between Gaussians with the means and the unbiased covariances of two sets of features.

    Args:
        features1: (N1, D), N1 at least 2.
        features2: (N2, D), likewise.

    Raises:
        DataError: the sets are too small, differ in D, or hold a number that is not finite.
    """
    features1, features2 = _double(features1), _double(features2)
    if min(features1.dim(), features2.dim()) < 2 or features1.shape[1:] != features2.shape[1:]:
        raise DataError("a Fréchet distance takes two tables of features with as many columns")
    if min(len(features1), len(features2)) < 2:
        raise DataError("a Fréchet distance takes at least two rows of features on each side")
    mean1, mean2 = features1.mean(0), features2.mean(0)
    # Of A = (X - m) / sqrt(N - 1) the covariance is A^T A.
    parts1 = (features1 - mean1) / math.sqrt(len(features1) - 1)
    parts2 = (features2 - mean2) / math.sqrt(len(features2) - 1)
    if max(len(parts1), len(parts2)) > parts1.shape[1]:
        return frechet(mean1, parts1.T @ parts1, mean2, parts2.T @ parts2)
    # Few rows: the roots of the eigenvalues of A1^T A1 A2^T A2 are the singular values of the small A1 A2^T.
    product = torch.linalg.matrix_norm(parts1 @ parts2.T, ord="nuc")
    return _distance(mean1, mean2, parts1.square().sum() + parts2.square().sum(), product)


def _distance(mean1: Tensor, mean2: Tensor, traces: Tensor, product: Tensor) -> float:
    return float((mean1 - mean2).square().sum() + traces - 2 * product)


def _root(covariance: Tensor) -> Tensor:
    """The symmetric square root, (D, D)."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def _double(numbers: Tensor) -> Tensor:
    """In float64, on the CPU where the device has none."""
    if not numbers.is_floating_point() or not numbers.isfinite().all():
        raise DataError("a Fréchet distance takes finite floating-point numbers")
    return (numbers.cpu() if numbers.device.type == "mps" else numbers).detach().double()
