"""Whether a conditional model draws what it is asked for: the share of samples in which a classifier sees their label.

The same classifier's accuracy on test images stands beside it, since no more can be expected. A model that draws one
perfect image of each label reaches it too; `ms_ssim/same_label` and recall tell.
"""

from __future__ import annotations

import numpy as np

from gancli.errors import DataError
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.feature_cache import SAMPLES, share_named, tables_of


def measure(subject: MetricContext) -> list[Measurement]:
    """The shares, in [0, 1], with the samples' labels taking turns.

    Raises:
        DataError: the backbone does not name every label that the model takes.
        GanError: there is no backbone, or a sample is not finite.
    """
    tables = tables_of(subject)
    backbone = tables.backbone
    unknown = [label for label in subject.labels if label not in backbone.labels]
    if unknown:
        raise DataError(
            f"the backbone {backbone.name} does not name {', '.join(unknown[:5])}, which the model takes; leave "
            "--backbone out, or name a classifier of these labels"
        )
    samples = tables.sides[""]
    count = len(samples.features)
    asked = np.arange(count) % len(subject.labels)
    protocol = {"samples": count, "labels": len(subject.labels), **tables.of_backbone}
    value = share_named(backbone, samples, subject.labels, asked)
    found = [Measurement(metric="label_accuracy", value=value, protocol=protocol)]
    if tables.accuracy is not None:
        most = min(SAMPLES, len(subject.test().images))
        protocol = {**protocol, "samples": most}
        found.append(Measurement(metric="label_accuracy/real", value=tables.accuracy, protocol=protocol))
    return found
