"""What a backbone is: a fixed network whose features stand for what an image shows.

A distance of features means nothing without the network they were taken with, so its name is part of every metric's,
and its hash of every protocol. `FID`, `KID` and `IS` alone are those of Inception, as published figures are; of any
other backbone it is `FD(…)`, `KD(…)` and `IS(…)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

INCEPTION = "inception"

_PUBLISHED = {"FD": "FID", "KD": "KID", "IS": "IS"}
"""How a metric is called where its features are Inception's."""


class Answers(NamedTuple):
    """Features (N, D), and logits (N, K) where the network names classes."""

    features: Tensor
    logits: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network to ask.

    Args:
        name: `inception`, `classifier`, or that of a file or a run.
        digest: SHA-256 of its weights.
        input: what becomes of an image before the network sees it.
        ask: answers for images (N, C, H, W) in [-1, 1] on the subject's device.
        labels: the names of the classes of the logits, where they are known.
    """

    name: str
    digest: str
    input: str
    ask: Callable[[Tensor], Answers]
    labels: tuple[str, ...] = ()

    def called(self, metric: str) -> str:
        """The name of a metric of its features: of `FD`, `FID` where they are Inception's, or `FD(classifier)`."""
        if self.name == INCEPTION and metric in _PUBLISHED:
            return _PUBLISHED[metric]
        return f"{metric}({self.name})"

    @property
    def protocol(self) -> dict[str, Any]:
        return {"backbone": self.name, "backbone_sha256": self.digest, "backbone_input": self.input}
