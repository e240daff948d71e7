"""What metrics show beside their numbers, as files of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gancli.engine.model import Model
from gancli.metrics.subject import Measurement, Options
from gancli.pictures import write_png
from gancli.run import Run


def write_pictures(run: Run, model: Model, measurements: Sequence[Measurement], options: Options) -> list[Path]:
    """Writes the pictures among the measurements to `out/` of the run, each by the name of its metric.

    Raises:
        DiskError: the disk refuses.
    """
    written = []
    for measurement in measurements:
        if measurement.picture is not None:
            path = run.path / "out" / f"{measurement.metric.replace('/', '-')}.png"
            made_by = {"run": model.run, "images": model.images, "checkpoint": model.digest, "ema": model.ema}
            metadata = {**made_by, "metric": measurement.metric, "seed": options.seed}
            write_png(path, measurement.picture, metadata=metadata)
            written.append(path)
    return written
