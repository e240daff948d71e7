"""Validation during training: metrics, the best checkpoint, early stopping, and the response to a collapse.

Evaluation leaves no trace in training: random streams, networks and the position in the data are restored, so that a
run has the same weights with it and without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from gancli.data.resolutions import Levels
from gancli.data.source import PackedDataset
from gancli.errors import DataError, UsageError
from gancli.evaluation.measure import metric_context, run_metric, to_record
from gancli.evaluation.reference_data import ReferenceData
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.family.tasks import Samples, abilities
from gancli.inference.model import Model
from gancli.io.resize import Size
from gancli.metrics.context import Measurement, Options
from gancli.plugins.hookspecs import MetricInfo
from gancli.plugins.registry import registry
from gancli.recipes.recipe import Recipe, best_of
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import BestCheckpoint, Checkpoint
from gancli.runs.documents import Best, Findings, known_fields
from gancli.runs.eval_log import DIVERSITY, DURING, Record, append, drop_later
from gancli.runs.run import Run
from gancli.training import collapse
from gancli.training.collapse import PERSISTENT, CollapseDetector, CollapseFindings
from gancli.training.stages import crossed

EVALUATIONS = 10
"""Number of evaluations over a run if the recipe does not set `eval.every`."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Results of one evaluation.

    Args:
        images: training images shown.
        values: leading value of each metric, by the metric's name.
        diversity: diversity of the samples as a fraction of the data's; None if unknown.
        best: True if this is the best evaluation so far.
        faults: reason why a metric failed, by the metric's name; it is left out from here on.
    """

    images: int
    values: Mapping[str, float]
    diversity: float | None = None
    best: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Decision of the validator after an evaluation; by default, training continues.

    Args:
        reason: explanation of what is done.
        warning: message to show while training continues.
        stop: end the run; it has succeeded.
        roll_back_to: checkpoint to continue from.
        fail: end the run with `Collapse`.
    """

    reason: str = ""
    warning: str = ""
    stop: bool = False
    roll_back_to: Checkpoint | None = None
    fail: bool = False


@dataclass
class EvaluationState:
    """Results of earlier evaluations; part of every checkpoint.

    Args:
        best: best checkpoint so far, by the deciding metric.
        waited: number of evaluations since then.
        findings: findings of the collapse detector.
    """

    best: BestCheckpoint | None = None
    waited: int = 0
    findings: CollapseFindings = field(default_factory=CollapseFindings)

    def update_best(self, value: float, metric: MetricInfo, *, images: int) -> bool:
        """Record a value of the deciding metric. Return True if it is the best so far; the first of equal ones is."""
        sign = -1 if metric.better == "lower" else 1
        if self.best is not None and sign * value <= sign * self.best.value:
            self.waited += 1
            return False
        self.best, self.waited = BestCheckpoint(images=images, metric=metric.name, value=value), 0
        return True

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EvaluationState:
        best = BestCheckpoint(**known_fields(values["best"], Best)) if values.get("best") else None
        findings = CollapseFindings(**known_fields(values.get("findings", {}), Findings))
        return cls(best=best, waited=values.get("waited", 0), findings=findings)


class Validator:
    """Evaluates the networks of a run during training, and decides what follows.

    Args:
        family: family of the networks.
        recipe: says what to measure and when.
        run: run directory; results are appended to its `eval.jsonl`.
        dataset: training data.
        levels: the training data at the resolutions of all stages.
        device: device of the networks.
        total: training images of the whole run.
        ema: True if any of the networks is an average.

    Raises:
        UsageError: a metric needs something that the family or its data do not have.
    """

    def __init__(
        self,
        family: Family[Any],
        recipe: Recipe,
        run: Run,
        dataset: PackedDataset,
        levels: Levels,
        *,
        device: torch.device,
        total: int,
        ema: bool,
    ) -> None:
        config = recipe.eval
        self._family, self._recipe, self._run, self._dataset = family, recipe, run, dataset
        self._device, self._ema = device, ema
        self._every = config.every or -(-total // EVALUATIONS)
        self._end = total
        self._options = Options(samples=config.samples, limit=config.samples)
        self._abilities = abilities(
            type(family), tasks=recipe.info.tasks, kind=family.data.kind, labels="label" in recipe.info.batch
        )
        self._metrics = [self._checked(registry().metric(name)) for name in config.metrics]
        self._deciding_metric = best_of(config)
        samples = isinstance(family, Samples) and "sample" in recipe.info.tasks
        self._detector = (
            CollapseDetector(family, recipe, dataset, levels, device) if samples and config.guard != "off" else None
        )
        self._full_size = family.stages()[-1].resolution
        self._reference_data: dict[Size | None, ReferenceData] = {}
        self.state = EvaluationState()

    def due(self, before: int, now: int, *, steps: int) -> bool:
        """True if an evaluation is due after the step from `before` to `now` images; always at the end of the run."""
        wanted = bool(self._metrics) or self._detects(steps)
        return wanted and (crossed(self._every, before, now) or now >= self._end)

    @property
    def out_of_patience(self) -> bool:
        """True if there was no new best for `eval.patience` evaluations."""
        patience = self._recipe.eval.patience
        return patience is not None and self.state.waited >= patience

    def measure(
        self,
        nets: Nets,
        live: Nets,
        *,
        images: int,
        steps: int,
        interrupting: AbstractContextManager[None] = nullcontext(),  # noqa: B008
    ) -> Evaluation:
        """Compute all metrics and the diversity of the samples, update `state`, and append to `eval.jsonl`.

        Args:
            nets: networks as tasks use them, in eval mode.
            live: the trained networks in eval mode, for the collapse detector: an average lags behind.
            images: training images shown.
            steps: steps done.
            interrupting: context in which a signal may end the computation; nothing has been written or counted then.

        Raises:
            DiskError: writing failed.
        """
        model, data = self._model(nets, images), self._data_of_stage(nets)
        values: dict[str, float] = {}
        faults: dict[str, str] = {}
        records: list[Record] = []
        with interrupting:
            context = metric_context(model, data, self._options)
            for info in tuple(self._metrics):
                try:
                    measurements = run_metric(info, context, data)
                except Exception as error:  # a third-party metric may raise anything; training continues without it
                    self._metrics.remove(info)
                    faults[info.name] = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
                    continue
                values |= _leading_value(info, measurements)
                records += [self._record(measurement, model, data) for measurement in measurements]
            diversity = self._detector.diversity_ratio(live) if self._detector and self._detects(steps) else None
        if records and diversity is not None:
            protocol = {"by": DIVERSITY, "samples": collapse.IMAGES, "against": "training images"}
            record = self._record(Measurement(metric=DIVERSITY, value=diversity, protocol=protocol), model, data)
            records.append({**record, "protocol": {**record["protocol"], "ema": False}})
        if records:
            append(self._run, records)
        if not self._grows(live):
            self.state.findings.add(diversity, images=images, floor=self._recipe.eval.floor)
        metric = self._deciding_metric
        value = values.get(metric.name) if metric else None
        best = metric is not None and value is not None and self.state.update_best(value, metric, images=images)
        return Evaluation(images=images, values=values, diversity=diversity, best=best, faults=faults)

    def decide(self, evaluation: Evaluation) -> Decision:
        """Decide on a warning, a rollback, a failure, or the end of the run after the latest evaluation."""
        if self.state.findings.collapsed:
            return self._respond_to_collapse(evaluation)
        if self.out_of_patience and (best := self.state.best):
            return Decision(
                stop=True,
                reason=f"{best.metric} has not improved on {best.value:.4g} for {self.state.waited} evaluations, since "
                f"{best.images:,} images, so the run ends here (eval.patience)",
            )
        return Decision()

    def restore(self, state: Mapping[str, Any], images: int) -> None:
        """Return to an earlier state: evaluations after `images` training images are removed.

        Raises:
            DiskError: writing failed.
        """
        self.state = EvaluationState.from_json(state)
        best, folder = self.state.best, self._run.checkpoints
        metric = self._deciding_metric.name if self._deciding_metric else None
        if best is not None and (best.metric != metric or not checkpoints.best_exists(folder, best)):
            self.state.best = None  # the recipe has another deciding metric now, or the checkpoint was removed
        if checkpoints.find_best(folder) != self.state.best:
            checkpoints.write_best(folder, self.state.best)
        drop_later(self._run, images)

    def checkpoints_to_keep(self) -> set[int]:
        """Checkpoints to keep whatever their age: the best one, and the last one before diversity fell."""
        state = self.state
        saved = [int(path.name) for path in checkpoints.complete(self._run.checkpoints)]
        healthy = max((images for images in saved if images < state.findings.since), default=None)
        best = {state.best.images} if state.best else set()
        return best | ({healthy} if state.findings.low and healthy is not None else set())

    def _respond_to_collapse(self, evaluation: Evaluation) -> Decision:
        """The response that `eval.guard` asks for; a run rolls back once at most."""
        guard, findings = self._recipe.eval.guard, self.state.findings
        reason = (
            f"the samples have collapsed: at {evaluation.images:,} images their diversity is "
            f"{evaluation.diversity:.2f} of the data's, and it has been below {self._recipe.eval.floor:g} since "
            f"{findings.since:,} images"
        )
        if guard == "warn":
            advice = (
                f"look at {self._run.samples}; if they do not recover, start again with a lower learning rate of the "
                "discriminator or another train.seed"
            )
            return Decision(warning=f"{reason}; {advice}" if findings.low == PERSISTENT else "")
        if guard == "rollback" and not findings.rolled_back and (checkpoint := self._checkpoint_before(findings.since)):
            return Decision(roll_back_to=checkpoint, reason=reason)
        return Decision(
            fail=True,
            reason=f"{reason}; the run has ended and is saved: start again with a lower learning rate of the "
            "discriminator or another train.seed, or continue with --resume --set eval.guard=warn",
        )

    def _checkpoint_before(self, images: int) -> Checkpoint | None:
        """The best checkpoint before `images` training images, else the newest; None if there is none."""
        best = self.state.best
        paths = [path for path in checkpoints.complete(self._run.checkpoints) if int(path.name) < images]
        paths.sort(key=lambda path: best is not None and int(path.name) == best.images, reverse=True)
        for path in paths:
            try:
                return checkpoints.load(path)
            except DataError:  # damaged: use an older one
                continue
        return None

    def _detects(self, steps: int) -> bool:
        return self._detector is not None and steps >= collapse.WARM_UP

    def _grows(self, nets: Nets) -> bool:
        """True before the last resolution: samples that look alike at few pixels often differ after the next layer."""
        return nets.stage is not None and nets.stage.resolution != self._full_size

    def _checked(self, info: MetricInfo) -> MetricInfo:
        missing = [need for need in info.needs if need not in self._abilities]
        if missing:
            raise UsageError(
                f"eval.metrics: the metric {info.name!r} needs {' and '.join(info.needs)}, but a model of "
                f"{self._recipe.info.name!r} on {self._recipe.data.source!r} lacks {' and '.join(missing)}; remove it"
            )
        return info

    def _record(self, measurement: Measurement, model: Model, data: ReferenceData) -> Record:
        """A record as `gan eval` writes it; the checkpoint, not yet written, is identified by its images."""
        record = to_record(measurement, model, data, self._options)
        return {**record, "protocol": {**record["protocol"], "checkpoint": None, "chosen": DURING}}

    def _model(self, nets: Nets, images: int) -> Model:
        return Model(
            family=self._family,
            nets=nets,
            abilities=self._abilities,
            labels=self._dataset.spec.labels if "label" in self._recipe.info.batch else (),
            run=self._run.name,
            images=images,
            digest="",
            ema=self._ema,
            device=self._device,
            skipped_checkpoints=(),
            mixture=self._dataset.mixture,
        )

    def _data_of_stage(self, nets: Nets) -> ReferenceData:
        """Reference data at the resolution of the networks' stage; kept for one stage, since they may be large."""
        size, config = nets.stage.resolution if nets.stage else None, self._recipe.data
        if size not in self._reference_data:
            trained_on = f"{config.source} {config.split}"
            data = ReferenceData(config, self._dataset.spec, resolution=size, trained_on=trained_on)
            self._reference_data = {size: data}
        return self._reference_data[size]


def _leading_value(info: MetricInfo, measurements: Sequence[Measurement]) -> dict[str, float]:
    """The value that stands for the metric: the one of its own name, else the first; nothing if there is none."""
    if not measurements:
        return {}
    return {info.name: next((each for each in measurements if each.metric == info.name), measurements[0]).value}
