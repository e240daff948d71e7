"""Metrics of a classifier's predictions for samples: Inception Score and label accuracy.

The Inception Score, Salimans et al. 2016, "Improved Techniques for Training GANs", is exp(E KL(p(y|x) || p(y))): 1 if
the prediction is the same for every sample, and the number of classes if every sample is classified with certainty and
all classes are equally frequent. Real images are not used: a model that generates one perfect image of each class
reaches the maximum.

The label accuracy of a conditional model is the share of samples that the classifier predicts as the requested label.
The accuracy on test images is an upper bound. A model that generates one perfect image of each label reaches it too;
`ms_ssim/same_label` and recall detect that.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from torch import Tensor

from gancli.errors import DataError
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.feature_cache import SAMPLES, compute_features, share_correct

SPLITS = 10


class Score(NamedTuple):
    """Mean and standard deviation over splits."""

    mean: float
    spread: float


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the Inception Score of samples and of test images.

    Raises:
        DataError: the backbone is no classifier.
        GanError: the backbone does not exist, or a sample is not finite.
    """
    features, measurements = compute_features(context), []
    for suffix, output in features.evaluated.items():
        if output.logits is None:
            raise DataError(
                f"inception_score requires a classifier, and the backbone {features.backbone.name} is none; use "
                "--backbone classifier or inception"
            )
        score = inception_score(output.logits)
        # The training images do not affect the score.
        unused = ("split", "train", "dimensions")
        protocol = {key: value for key, value in features.protocol(suffix).items() if key not in unused}
        measurements.append(
            Measurement(
                metric=features.metric_name("IS", suffix),
                value=score.mean,
                protocol={**protocol, "splits": SPLITS, "classes": output.logits.shape[1]},
                observed={"spread": score.spread},
            )
        )
    return measurements


def label_accuracy(context: MetricContext) -> list[Measurement]:
    """Measure the label accuracy in [0, 1] of samples with cycling labels, and of test images.

    Raises:
        DataError: the backbone does not classify every label that the model takes.
        GanError: the backbone does not exist, or a sample is not finite.
    """
    features = compute_features(context)
    backbone = features.backbone
    unknown = [label for label in context.labels if label not in backbone.labels]
    if unknown:
        raise DataError(
            f"the backbone {backbone.name} cannot classify the model's labels {', '.join(unknown[:5])}; omit "
            "--backbone, or use a classifier of these labels"
        )
    output = features.evaluated[""]
    count = len(output.features)
    requested = np.arange(count) % len(context.labels)
    protocol = {"samples": count, "labels": len(context.labels), **features.backbone_protocol}
    value = share_correct(backbone, output, context.labels, requested)
    measurements = [Measurement(metric="label_accuracy", value=value, protocol=protocol)]
    if features.accuracy is not None:
        protocol = {**protocol, "samples": min(SAMPLES, len(context.test().images))}
        measurements.append(Measurement(metric="label_accuracy/real", value=features.accuracy, protocol=protocol))
    return measurements


def inception_score(logits: Tensor, *, splits: int = SPLITS) -> Score:
    """Return the score over consecutive parts of the samples.

    Args:
        logits: (N, K), in random order.
        splits: number of parts, at most N.

    Raises:
        DataError: there are fewer samples than parts.
    """
    if len(logits) < splits:
        raise DataError(f"an Inception score of {splits} parts requires at least {splits} samples; increase --samples")
    log_probabilities = logits.detach().cpu().double().log_softmax(1)
    bounds = [index * len(logits) // splits for index in range(splits + 1)]
    scores = [_score(log_probabilities[start:end]) for start, end in pairwise(bounds)]
    return Score(float(np.mean(scores)), float(np.std(scores)))


def _score(log_probabilities: Tensor) -> float:
    """Return the score of one part (N, K)."""
    probabilities = log_probabilities.exp()
    # nansum: a class with probability 0 for every sample contributes 0, not 0 · inf.
    divergence = probabilities.mul(log_probabilities - probabilities.mean(0).log()).nansum(1)
    return float(divergence.mean().exp())
