"""Parzen-window log-likelihood: Goodfellow et al. 2014, "Generative Adversarial Nets", table 1.

A Gaussian kernel is centred on every sample x_i of the model, and test images are scored under the mixture:

    log p(x) = log mean_i exp(-|x - x_i|^2 / (2 sigma^2)) - d log(sigma sqrt(2 pi))

The published protocol uses 10,000 samples, pixels in [0, 1], the best sigma of 10 values from 0.1 to 1 on 1,000 images
held out of the training set (for MNIST the first of its last 10,000), and the mean over all test images.

The metric is for comparison with that literature and no measure of quality: it rewards samples that cover the data
closely in pixels, whether or not they look real. Theis et al. 2016, "A note on the evaluation of generative models".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gancli.data.loader import Rows, images_at, random_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 10_000

VALIDATION = 1_000

SIGMAS = tuple(10 ** (k / 9 - 1) for k in range(10))
"""The published candidates for sigma: 10 values from 0.1 to 1, evenly spaced in their logarithm."""

BLOCK = 500
"""Number of points scored at a time: with 10,000 samples, 40 MB of distances."""


@dataclass(frozen=True)
class ParzenResult:
    """A log-likelihood in nats per image.

    Attributes:
        mean: mean log-likelihood over the test images.
        standard_error: standard error of that mean over the test images, std / sqrt(N), which papers report as +-. It
            does not include the variance between sets of samples or between training runs.
        sigma: standard deviation of the kernels, the candidate with the highest mean log-likelihood on the validation
            images.
        samples: number of samples, each with a kernel.
        validation: number of images that sigma was chosen on.
        test: number of images that were scored.
    """

    mean: float
    standard_error: float
    sigma: float
    samples: int
    validation: int
    test: int


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the mean log-likelihood of the test images in nats, with the published protocol.

    Raises:
        DataError: no training images were held out, or there is no test split.
    """
    held_out, test = context.held_out(), context.test()
    rows = random_rows(test, context.options.limit or len(test.images), seed=context.options.seed)
    # As published: the first of those held out.
    validation_rows = np.arange(min(VALIDATION, len(held_out.images)))
    result = parzen(
        _to_unit_range(context.samples(SAMPLES)),
        _pixels(held_out, validation_rows, context),
        _pixels(test, rows, context),
    )
    protocol = {
        "split": "test",
        "samples": result.samples,
        "test": result.test,
        "validation": result.validation,
        "range": [0, 1],
    }
    observed = {"sigma": result.sigma, "standard_error": result.standard_error}
    return [Measurement(metric="parzen", value=result.mean, protocol=protocol, observed=observed)]


def parzen(samples: Tensor, validation: Tensor, test: Tensor, *, sigmas: Sequence[float] | None = None) -> ParzenResult:
    """Choose sigma on validation images, then score the test images.

    Args:
        samples: samples of the model, float, (N, D) or (N, C, H, W), intended for [0, 1].
        validation: images of the same size in [0, 1], which are neither training nor test images.
        test: images of the same size in [0, 1] to score.
        sigmas: candidates for the standard deviation of the kernels; None: `SIGMAS`.

    Raises:
        DataError: one of the three is empty, sizes differ, a value is not a finite floating-point number, the images
            are not in [0, 1], or a sigma is not positive.
    """
    # Another range would shift the result by hundreds of nats without further notice.
    for name, images in (("validation", validation), ("test", test)):
        if images.numel() and (images.min() < 0 or images.max() > 1):
            raise DataError(f"the {name} images must be in [0, 1], not in [{images.min():g}, {images.max():g}]")
    candidates = tuple(SIGMAS if sigmas is None else sigmas)
    if not candidates:
        raise DataError("there is no sigma to choose from")
    centres = _points("samples", samples)
    validation_points = _points("validation images", validation)
    points = _points("test images", test)
    scores = _log_likelihoods(centres, validation_points, candidates, block=BLOCK).mean(1)
    sigma = candidates[int(scores.argmax())]
    likelihoods = _log_likelihoods(centres, points, (sigma,), block=BLOCK)[0]
    return ParzenResult(
        mean=likelihoods.mean().item(),
        # The published code divides by N, not by N - 1.
        standard_error=likelihoods.std(correction=0).item() / math.sqrt(len(likelihoods)),
        sigma=sigma,
        samples=len(centres),
        validation=len(validation_points),
        test=len(points),
    )


def log_likelihood(samples: Tensor, test: Tensor, sigma: float, *, block: int = BLOCK) -> Tensor:
    """Return the log density of every test point under equally weighted isotropic Gaussians on the samples.

    Args:
        samples: float, (N, D) or (N, C, H, W), in any range.
        test: points of the same size, in the same range.
        sigma: standard deviation of the kernels, in units of that range.
        block: number of test points scored at a time; only affects memory, 8 bytes per pair of a sample and a point.

    Returns:
        In nats, (N_test,), float64.

    Raises:
        DataError: an argument is empty, sizes differ, a value is not a finite floating-point number, or sigma is not
            positive.
    """
    return _log_likelihoods(_points("samples", samples), _points("test images", test), (sigma,), block=block)[0]


def _log_likelihoods(centres: Tensor, points: Tensor, sigmas: Sequence[float], *, block: int) -> Tensor:
    """Return (len(sigmas), M) for centres (N, D) and points (M, D) in float64."""
    dim = centres.shape[1]
    if points.shape[1] != dim:
        raise DataError(f"samples of {dim} numbers cannot be compared with images of {points.shape[1]} numbers")
    for sigma in sigmas:
        if not (math.isfinite(sigma) and sigma > 0):
            raise DataError(f"sigma must be positive, not {sigma:g}")
    # The distances take most of the time, so they are computed once for all sigmas.
    rows = [
        torch.stack([(distances / (-2 * sigma**2)).logsumexp(1) for sigma in sigmas])
        for distances in _squared_distances(centres, points, block=block)
    ]
    constants = [math.log(len(centres)) + dim * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas]
    return torch.cat(rows, dim=1) - torch.tensor(constants, dtype=torch.float64, device=centres.device).unsqueeze(1)


def _squared_distances(centres: Tensor, points: Tensor, *, block: int) -> Iterator[Tensor]:
    """Yield the distances of up to `block` points at a time, (up to `block`, N)."""
    norms = centres.square().sum(1)
    for part in torch.split(points, block):
        squares = torch.addmm(norms, part, centres.T, alpha=-2) + part.square().sum(1, keepdim=True)
        # Rounding may make the distance of a point to itself negative.
        yield squares.clamp_(min=0)


def _points(name: str, images: Tensor) -> Tensor:
    """Return (N, D) in float64, on the CPU if the device has no float64."""
    if images.dim() < 2 or not images.numel():
        raise DataError(f"the {name} are empty: their shape is {tuple(images.shape)}")
    # Bytes would be 255 times too large.
    if not images.is_floating_point():
        raise DataError(f"the {name} must be floating-point numbers, not {images.dtype}")
    if not images.isfinite().all():
        raise DataError(f"the {name} contain numbers that are not finite")
    if images.device.type == "mps":
        images = images.cpu()
    return images.detach().flatten(1).double()


def _pixels(packed: PackedDataset, rows: Rows, context: MetricContext) -> Tensor:
    # On the CPU, since Apple's GPUs have no float64.
    return _to_unit_range(images_at(packed, rows, context.device).cpu())


def _to_unit_range(images: Tensor) -> Tensor:
    return (images.double() + 1) / 2
