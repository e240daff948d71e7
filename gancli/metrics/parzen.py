"""The Parzen-window log-likelihood, the measure of Goodfellow et al. 2014, "Generative Adversarial Nets", table 1.

A Gaussian kernel sits on every sample x_i of the model, and the test images are scored under their mixture:

    log p(x) = log mean_i exp(-|x - x_i|^2 / (2 sigma^2)) - d log(sigma sqrt(2 pi))

The published protocol is 10,000 samples, pixels in [0, 1], sigma the best of 10 values from 0.1 to 1 on 1,000 images
held out of the training set (for MNIST the first of its last 10,000), and the mean over all test images.

It is kept for comparison with that literature and is no measure of quality: it rewards samples that cover the data
closely in pixels, whether or not they look real. Theis et al. 2016, "A note on the evaluation of generative models".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gancli.errors import DataError

SIGMAS = tuple(10 ** (k / 9 - 1) for k in range(10))
"""The published candidates for sigma: 10 values from 0.1 to 1, evenly spaced in their logarithm."""

BLOCK = 500
"""Points scored at a time: with 10,000 samples, 40 MB of distances."""


@dataclass(frozen=True)
class ParzenResult:
    """A log-likelihood in nats per image.

    Attributes:
        mean: of the log-likelihood over the test images.
        standard_error: of that mean over the test images, std / sqrt(N). The published +-; how the mean moves when
            other samples are drawn, or another model is trained, is not part of it.
        sigma: the kernels' standard deviation, the candidate of the highest mean log-likelihood on the validation
            images.
        samples: how many samples carry a kernel.
        validation: how many images sigma was chosen on.
        test: how many images were scored.
    """

    mean: float
    standard_error: float
    sigma: float
    samples: int
    validation: int
    test: int


def parzen(samples: Tensor, validation: Tensor, test: Tensor, *, sigmas: Sequence[float] | None = None) -> ParzenResult:
    """Chooses sigma on validation images, then scores the test images.

    Args:
        samples: of the model, float, (N, D) or (N, C, H, W), meant for [0, 1].
        validation: images that neither the model nor the test has seen, likewise, and in [0, 1].
        test: images to score, likewise.
        sigmas: candidates for the kernels' standard deviation; None takes `SIGMAS`.

    Raises:
        DataError: there is nothing in one of the three, they differ in size, hold anything but finite floating-point
            numbers, or the images leave [0, 1]; or a sigma is not positive.
    """
    # Another range shifts the result by hundreds of nats and would still look like a result.
    for name, images in (("validation", validation), ("test", test)):
        if images.numel() and (images.min() < 0 or images.max() > 1):
            raise DataError(f"the {name} images must lie in [0, 1], not in [{images.min():g}, {images.max():g}]")
    candidates = tuple(SIGMAS if sigmas is None else sigmas)
    if not candidates:
        raise DataError("there is no sigma to choose from")
    centres = _points("samples", samples)
    held_out = _points("validation images", validation)
    points = _points("test images", test)
    scores = _log_likelihoods(centres, held_out, candidates, block=BLOCK).mean(1)
    sigma = candidates[int(scores.argmax())]
    likelihoods = _log_likelihoods(centres, points, (sigma,), block=BLOCK)[0]
    return ParzenResult(
        mean=likelihoods.mean().item(),
        # The published code divides by N, not by N - 1.
        standard_error=likelihoods.std(correction=0).item() / math.sqrt(len(likelihoods)),
        sigma=sigma,
        samples=len(centres),
        validation=len(held_out),
        test=len(points),
    )


def log_likelihood(samples: Tensor, test: Tensor, sigma: float, *, block: int = BLOCK) -> Tensor:
    """Log density of every test point under isotropic Gaussians on the samples, all of the same weight.

    Args:
        samples: float, (N, D) or (N, C, H, W), in any range.
        test: the same with another N, in the same range.
        sigma: standard deviation of the kernels, in units of that range.
        block: test points scored at a time; a matter of memory alone, 8 bytes per pair of a sample and a point.

    Returns:
        In nats, (N_test,), float64.

    Raises:
        DataError: either is empty, they differ in size, or hold anything but finite floating-point numbers; or sigma is
            not positive.
    """
    return _log_likelihoods(_points("samples", samples), _points("test images", test), (sigma,), block=block)[0]


def _log_likelihoods(centres: Tensor, points: Tensor, sigmas: Sequence[float], *, block: int) -> Tensor:
    """Centres (N, D) and points (M, D) in float64; returns (len(sigmas), M)."""
    dim = centres.shape[1]
    if points.shape[1] != dim:
        raise DataError(f"samples of {dim} numbers cannot be compared with images of {points.shape[1]}")
    for sigma in sigmas:
        if not (math.isfinite(sigma) and sigma > 0):
            raise DataError(f"sigma must be positive, not {sigma:g}")
    # The distances are what takes time, so every sigma is tried on them once they are there.
    rows = [
        torch.stack([(distances / (-2 * sigma**2)).logsumexp(1) for sigma in sigmas])
        for distances in _squared_distances(centres, points, block=block)
    ]
    constants = [math.log(len(centres)) + dim * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas]
    return torch.cat(rows, dim=1) - torch.tensor(constants, dtype=torch.float64, device=centres.device).unsqueeze(1)


def _squared_distances(centres: Tensor, points: Tensor, *, block: int) -> Iterator[Tensor]:
    """(up to `block`, N) at a time."""
    norms = centres.square().sum(1)
    for part in torch.split(points, block):
        squares = torch.addmm(norms, part, centres.T, alpha=-2) + part.square().sum(1, keepdim=True)
        # Where a point is a sample, what is left of the cancellation may be below zero.
        yield squares.clamp_(min=0)


def _points(name: str, images: Tensor) -> Tensor:
    """(N, D) in float64, on the CPU where the device has no float64."""
    if images.dim() < 2 or not images.numel():
        raise DataError(f"no {name} to work on: their shape is {tuple(images.shape)}")
    # Bytes would be 255 times too large.
    if not images.is_floating_point():
        raise DataError(f"the {name} must be floating-point numbers, not {images.dtype}")
    if not images.isfinite().all():
        raise DataError(f"the {name} hold numbers that are not finite")
    if images.device.type == "mps":
        images = images.cpu()
    return images.detach().flatten(1).double()
