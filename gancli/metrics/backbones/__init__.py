"""Backbones: fixed networks that compute the features of images. A classifier, Inception, or a run's discriminator.

A distance between features depends on the network that computed them. Its name is therefore part of the name of every
such metric, and its hash part of every protocol. The names `FID`, `KID` and `IS` are used for Inception only, as in
published results; with any other backbone the names are `FD(…)`, `KD(…)` and `IS(…)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

INCEPTION = "inception"

_PUBLISHED_NAMES = {"FD": "FID", "KD": "KID", "IS": "IS"}
"""Names of metrics if the features are Inception's."""


class BackboneOutput(NamedTuple):
    """Features (N, D), and logits (N, K) if the network is a classifier."""

    features: Tensor
    logits: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A feature extractor.

    Args:
        name: `inception`, `classifier`, or the name of a file or a run.
        digest: SHA-256 of its weights.
        input: description of how images are preprocessed for the network.
        extract: computes the output for images (N, C, H, W) in [-1, 1] on the context's device.
        labels: names of the classes of the logits, if they are known.
    """

    name: str
    digest: str
    input: str
    extract: Callable[[Tensor], BackboneOutput]
    labels: tuple[str, ...] = ()

    def metric_name(self, metric: str) -> str:
        """Return the full name of a metric of these features: for `FD`, `FID` or `FD(classifier)`."""
        if self.name == INCEPTION and metric in _PUBLISHED_NAMES:
            return _PUBLISHED_NAMES[metric]
        return f"{metric}({self.name})"

    @property
    def protocol(self) -> dict[str, Any]:
        return {"backbone": self.name, "backbone_sha256": self.digest, "backbone_input": self.input}
