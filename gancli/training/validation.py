"""What is measured while a run trains: cheap versions of metrics, the best checkpoint by one of them, and the guard.

Measuring leaves no trace in training: every random stream, every network and the place in the data are as they were, so
that a run has the same weights with it and without it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from gancli.data.resolutions import Levels
from gancli.data.source import PackedDataset
from gancli.errors import Collapse, DataError, UsageError
from gancli.evaluation.measure import judged, record_of, subject_of
from gancli.evaluation.reference_data import ModelData
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.family.tasks import Discriminates, Samples
from gancli.figures import eval_curves
from gancli.inference.model import Model
from gancli.io.files import disk_errors, write_atomically
from gancli.io.resize import Size
from gancli.metrics.context import Measurement, Options
from gancli.plugins.hookspecs import MetricInfo
from gancli.plugins.registry import registry
from gancli.recipes.recipe import Recipe, best_of
from gancli.runs import checkpoint as best_checkpoint
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Best, Checkpoint
from gancli.runs.eval_log import DIVERSITY, DURING, Record, append
from gancli.runs.run import Run
from gancli.runtime.device import eval_mode
from gancli.runtime.random import fork_all_rng
from gancli.training import collapse
from gancli.training.collapse import PERSISTENT, CollapseDetector, Findings
from gancli.training.stages import crossed

if TYPE_CHECKING:
    from gancli.training.trainer import Trainer


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


class Validator:
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
        packed: PackedDataset,
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
        self._guard = (
            CollapseDetector(family, recipe, packed, levels, device) if samples and config.guard != "off" else None
        )
        self._full_size = family.stages()[-1].resolution
        self._data: dict[Size | None, ModelData] = {}
        self.standing = EvaluationState()

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
            own = {"by": DIVERSITY, "samples": collapse.IMAGES, "against": "training images"}
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
        self.standing = EvaluationState.from_json(standing)
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
        return self._guard is not None and steps >= collapse.WARM_UP

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
    """As `gancli.inference.model.abilities` has them of a checkpoint."""
    can = {*recipe.info.tasks, family.data.kind}
    can |= {"label"} if "label" in recipe.info.batch else set()
    can |= {"discriminate"} if isinstance(family, Discriminates) else set()
    return frozenset(can)


def evaluate(trainer: Trainer) -> None:
    """Measures where the trainer stands, and acts on it.

    Raises:
        Collapse: the recipe wants a run that collapsed to end; its last state is saved.
        DiskError: the disk refuses.
    """
    nets, evaluations = trainer.nets(), trainer.evaluations
    live = nets.holding(trainer.cast.modules)
    trainer.listener.measuring()
    with fork_all_rng(trainer.generator), eval_mode(nets.modules), eval_mode(live.modules):
        found = evaluations.measure(nets, live, images=trainer.position.images, steps=trainer.position.step)
    trainer.listener.evaluated(found)
    for name, fault in found.faults.items():
        trainer.listener.warned(f"left out from here on: {name}: {fault}")
    if found.best:
        trainer.save()
        best_checkpoint.write(trainer.run.checkpoints, evaluations.standing.best)
    if evaluations.standing.findings.collapsed:
        _answer(trainer, found)
    elif evaluations.over and (best := evaluations.standing.best):
        trainer.listener.ended_early(
            f"{best.metric} has been no better than {best.value:.4g} for {evaluations.standing.waited} measurements, "
            f"since {best.images:,} images, so the run ends here (eval.patience)"
        )


def conclude(trainer: Trainer) -> None:
    """Draws what was measured on the way, where there is something to draw with; the report has curves of its own.

    Raises:
        DiskError: the disk refuses.
    """
    try:
        eval_curves.draw(trainer.run, best=trainer.evaluations.standing.best, floor=trainer.recipe.eval.floor)
    except (DataError, UsageError) as error:  # a line that somebody else has written; nothing to draw with
        trainer.listener.warned(f"no {eval_curves.NAME} is drawn: {error}")


def _answer(trainer: Trainer, found: Evaluation) -> None:
    """As `eval.guard` says; a run goes back once at most."""
    guard, findings = trainer.recipe.eval.guard, trainer.evaluations.standing.findings
    reason = (
        f"the samples have collapsed: at {found.images:,} images their diversity is {found.diversity:.2f} of the "
        f"data's, and it has been below {trainer.recipe.eval.floor:g} since {findings.since:,} images"
    )
    if guard == "warn":
        if findings.low == PERSISTENT:
            trainer.listener.warned(
                f"{reason}; look at {trainer.run.samples}, and if nothing comes of it, begin anew with a lower "
                "learning rate of the discriminator or another train.seed"
            )
        return
    if guard == "rollback" and not findings.rolled_back and (before := _before(trainer, findings.since)):
        trainer.go_back(before, reason)
        trainer.evaluations.standing.findings.rolled_back = True
        # Or else a run that is resumed would go on from what was given up.
        checkpoints.discard_later(trainer.run.checkpoints, before.images)
        return
    trainer.save()
    raise Collapse(
        f"{reason}; the run has ended and is saved: begin anew with a lower learning rate of the discriminator or "
        "another train.seed, or go on with --resume --set eval.guard=warn"
    )


def _before(trainer: Trainer, since: int) -> Checkpoint | None:
    """The best checkpoint from before the first low finding, or else the newest; None where there is none."""
    folder, best = trainer.run.checkpoints, trainer.evaluations.standing.best
    paths = [path for path in checkpoints.complete(folder) if int(path.name) < since]
    paths.sort(key=lambda path: best is not None and int(path.name) == best.images, reverse=True)
    for path in paths:
        try:
            return checkpoints.load(path)
        except DataError:  # damaged: an older one will do
            continue
    return None


@dataclass
class EvaluationState:
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
    def from_json(cls, values: Mapping[str, Any]) -> EvaluationState:
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
