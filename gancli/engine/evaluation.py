"""What is measured while a run trains: cheap versions of metrics, the best checkpoint by one of them, and the guard.

Measuring leaves no trace in training: every random stream, every network and the place in the data are as they were, so
that a run has the same weights with it and without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gancli.data.pyramid import Levels
from gancli.data.resizing import Size
from gancli.data.source import Packed
from gancli.engine import best as best_checkpoint
from gancli.engine import checkpoint as checkpoints
from gancli.engine import guard
from gancli.engine.guard import Guard
from gancli.engine.judging import judged, record_of, subject_of
from gancli.engine.model import Model
from gancli.engine.model_data import ModelData
from gancli.engine.plan import crossed
from gancli.engine.standing import DIVERSITY, DURING, Standing, forget_later
from gancli.errors import UsageError
from gancli.family import Discriminates, Family, Nets, Samples
from gancli.hookspecs import MetricInfo
from gancli.metrics.ledger import Record, append
from gancli.metrics.subject import Measurement, Options
from gancli.plugins import registry
from gancli.recipe import Recipe
from gancli.recipe_metrics import best_of
from gancli.run import Run

SHARE = 10
"""Measurements over a run, where the recipe does not say how often."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured at one moment.

    Args:
        images: training images shown.
        values: the leading value of each metric, by its name.
        diversity: of the samples, as a fraction of the data's; None where it is not known.
        best: whether it is the best so far.
        faults: by metric, why it could not be taken; it is left out from here on.
    """

    images: int
    values: Mapping[str, float]
    diversity: float | None = None
    best: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)


class Evaluations:
    """The measurements of one run.

    Args:
        family: whose networks they are of.
        recipe: says what to measure, and when.
        run: where they are written down.
        packed: the training data.
        levels: the same at the resolutions of all stages.
        device: where the networks are.
        total: training images of the whole run.
        ema: whether any of the networks is an average.

    Raises:
        UsageError: a metric needs what the family, or its data, does not have.
    """

    def __init__(
        self,
        family: Family[Any],
        recipe: Recipe,
        run: Run,
        packed: Packed,
        levels: Levels,
        *,
        device: torch.device,
        total: int,
        ema: bool,
    ) -> None:
        config = recipe.eval
        self._family, self._recipe, self._run, self._packed = family, recipe, run, packed
        self._device, self._ema = device, ema
        self._every = config.every or -(-total // SHARE)
        self._end = total
        self._options = Options(samples=config.samples, limit=config.samples)
        self._abilities = _abilities(family, recipe)
        self._metrics = [self._checked(registry().metric(name)) for name in config.metrics]
        self._decides = best_of(config)
        samples = isinstance(family, Samples) and "sample" in recipe.info.tasks
        self._guard = Guard(family, recipe, packed, levels, device) if samples and config.guard != "off" else None
        self._full_size = family.stages()[-1].resolution
        self._data: dict[Size | None, ModelData] = {}
        self.standing = Standing()

    def due(self, before: int, now: int, *, steps: int) -> bool:
        """Whether to measure after the step that came from `before` to `now` images; at the end in any case."""
        wanted = bool(self._metrics) or self._guards(steps)
        return wanted and (crossed(self._every, before, now) or now >= self._end)

    @property
    def over(self) -> bool:
        """Whether the run has waited for a new best as long as it may."""
        patience = self._recipe.eval.patience
        return patience is not None and self.standing.waited >= patience

    def measure(self, nets: Nets, live: Nets, *, images: int, steps: int) -> Evaluation:
        """Measures and writes down; `standing` is what it is afterwards.

        Args:
            nets: as tasks use them, at rest.
            live: the networks that are trained, at rest, for the guard: an average lags behind, the more the earlier.
            images: training images shown.
            steps: done.

        Raises:
            DiskError: the disk refuses.
        """
        model, data = self._model(nets, images), self._held_against(nets)
        subject = subject_of(model, data, self._options)
        values: dict[str, float] = {}
        faults: dict[str, str] = {}
        records: list[Record] = []
        for info in tuple(self._metrics):
            try:
                found = judged(info, subject, data)
            except Exception as error:  # whoever wrote the metric, and whatever it lacks: training goes on
                self._metrics.remove(info)
                faults[info.name] = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
                continue
            values |= _leading(info, found)
            records += [self._record(each, model, data) for each in found]
        diversity = self._guard.fraction(live) if self._guard and self._guards(steps) else None
        if records and diversity is not None:
            own = {"by": DIVERSITY, "samples": guard.IMAGES, "against": "training images"}
            told = self._record(Measurement(metric=DIVERSITY, value=diversity, protocol=own), model, data)
            records.append({**told, "protocol": {**told["protocol"], "ema": False}})
        if records:
            append(self._run, records)
        if not self._grows(live):
            self.standing.findings.note(diversity, images=images, floor=self._recipe.eval.floor)
        decides = self._decides
        value = values.get(decides.name) if decides else None
        best = decides is not None and value is not None and self.standing.rank(value, decides, images=images)
        return Evaluation(images=images, values=values, diversity=diversity, best=best, faults=faults)

    def restore(self, standing: Mapping[str, Any], images: int) -> None:
        """Goes back to where `standing` was taken, at so many images: what was measured later is forgotten.

        Raises:
            DiskError: the disk refuses.
        """
        self.standing = Standing.from_json(standing)
        best, folder = self.standing.best, self._run.checkpoints
        decides = self._decides.name if self._decides else None
        if best is not None and (best.metric != decides or not best_checkpoint.exists(folder, best)):
            self.standing.best = None  # the recipe goes by another metric now, or somebody has removed it
        if best_checkpoint.find(folder) != self.standing.best:
            best_checkpoint.write(folder, self.standing.best)
        forget_later(self._run, images)

    def spare(self) -> set[int]:
        """The checkpoints to keep whatever their age: the best one, and the last one from before a low finding."""
        standing = self.standing
        before = [int(path.name) for path in checkpoints.complete(self._run.checkpoints)]
        healthy = max((images for images in before if images < standing.findings.since), default=None)
        kept = {standing.best.images} if standing.best else set()
        return kept | ({healthy} if standing.findings.low and healthy is not None else set())

    def _guards(self, steps: int) -> bool:
        return self._guard is not None and steps >= guard.WARM_UP

    def _grows(self, nets: Nets) -> bool:
        """Whether more pixels are to come: what is alike at a few of them often comes apart with the next layer."""
        return nets.stage is not None and nets.stage.resolution != self._full_size

    def _checked(self, info: MetricInfo) -> MetricInfo:
        lacks = [need for need in info.needs if need not in self._abilities]
        if lacks:
            raise UsageError(
                f"eval.metrics: the metric {info.name!r} needs {' and '.join(info.needs)}, and a model of "
                f"{self._recipe.info.name!r} on {self._recipe.data.source!r} lacks {' and '.join(lacks)}; leave it out"
            )
        return info

    def _record(self, measurement: Measurement, model: Model, data: ModelData) -> Record:
        """As `gan eval` has it; the checkpoint, which may not be written yet, is known by its images."""
        record = record_of(measurement, model, data, self._options)
        return {**record, "protocol": {**record["protocol"], "checkpoint": None, "chosen": DURING}}

    def _model(self, nets: Nets, images: int) -> Model:
        return Model(
            family=self._family,
            nets=nets,
            abilities=self._abilities,
            labels=self._packed.spec.labels if "label" in self._recipe.info.batch else (),
            run=self._run.name,
            images=images,
            digest="",
            ema=self._ema,
            device=self._device,
            passed_over=(),
            mixture=self._packed.mixture,
        )

    def _held_against(self, nets: Nets) -> ModelData:
        """The data at the resolution of the networks' stage; of one stage only, since they may be large."""
        size, config = nets.stage.resolution if nets.stage else None, self._recipe.data
        if size not in self._data:
            trained_on = f"{config.source} {config.split}"
            self._data = {size: ModelData(config, self._packed.spec, resolution=size, trained_on=trained_on)}
        return self._data[size]


def _leading(info: MetricInfo, found: Sequence[Measurement]) -> dict[str, float]:
    """The metric's value to go by, which may have a longer name than the metric; nothing where nothing was found."""
    return {info.name: next((each for each in found if each.metric == info.name), found[0]).value} if found else {}


def _abilities(family: Family[Any], recipe: Recipe) -> frozenset[str]:
    """As `gancli.engine.model.abilities` has them of a checkpoint."""
    can = {*recipe.info.tasks, family.data.kind}
    can |= {"label"} if "label" in recipe.info.batch else set()
    can |= {"discriminate"} if isinstance(family, Discriminates) else set()
    return frozenset(can)
