"""What a run remembers of what was measured while it trained, and how it forgets what it has gone back on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gancli.engine.best import Best
from gancli.engine.guard import Findings
from gancli.hookspecs import MetricInfo
from gancli.run import Run, disk_errors, write_atomically

DURING = "during training"
"""What the protocol of these measurements says under `chosen`, which keeps them apart from those of checkpoints."""

DIVERSITY = "diversity"
"""What the guard's findings are called, where they are written down."""


@dataclass
class Standing:
    """What a run has to remember of its measurements; part of every checkpoint.

    Args:
        best: the best so far, by the metric that decides.
        waited: measurements since then.
        findings: of the guard.
    """

    best: Best | None = None
    waited: int = 0
    findings: Findings = field(default_factory=Findings)

    def rank(self, value: float, decides: MetricInfo, *, images: int) -> bool:
        """Takes note of a measurement; returns whether it is the best so far. Of equal ones, the first is."""
        sign = -1 if decides.better == "lower" else 1
        if self.best is not None and sign * value <= sign * self.best.value:
            self.waited += 1
            return False
        self.best, self.waited = Best(images=images, metric=decides.name, value=value), 0
        return True

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Standing:
        best = Best(**values["best"]) if values.get("best") else None
        return cls(best=best, waited=values.get("waited", 0), findings=Findings(**values.get("findings", {})))


def forget_later(run: Run, images: int) -> None:
    """Takes out of `eval.jsonl` what training measured after so many images; what `gan eval` did stays.

    Raises:
        DiskError: the disk refuses; what was there is intact.
    """
    file = run.evaluations
    if not file.exists():
        return
    with disk_errors(file):
        lines = file.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _is_later(line, images)]
        if len(kept) < len(lines):
            write_atomically(file, b"".join(kept))


def _is_later(line: bytes, images: int) -> bool:
    try:
        protocol = json.loads(line)["protocol"]
        return bool(protocol.get("chosen") == DURING and protocol["images"] > images)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
