"""Validation during training, with a family that collapses on request and metrics that fail."""

from __future__ import annotations

import json
import random
import signal
import sys
import types
from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gancli.data.sources.synthetic import synthetic
from gancli.data.spec import DataSpec
from gancli.errors import Collapse, DataError, UsageError
from gancli.family.context import Batch, Context, Losses, Nets, Stage, Turn
from gancli.family.contract import Family, Player
from gancli.family.optim import SGD
from gancli.figures import eval_curves
from gancli.metrics.context import Measurement, MetricContext
from gancli.plugins.hookspecs import FamilyInfo, MetricInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import EvalConfig, FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import BestCheckpoint
from gancli.runs.eval_log import read
from gancli.runs.run import Run
from gancli.training import collapse
from gancli.training.callbacks import Callback
from gancli.training.setup import build_training
from gancli.training.signals import GracefulStop, InterruptedMeasurementError
from gancli.training.trainer import Trainer
from gancli.training.validation import Evaluation

DATA = DataSpec(channels=1, height=8, width=8)


class Painter(Family[FamilyConfig]):
    """A generator with batch normalisation and dropout; its loss keeps it unchanged or makes all samples equal."""

    collapses: ClassVar[Callable[[int], bool]] = lambda step: False
    grows_for: ClassVar[int] = 0

    def build(self) -> dict[str, nn.Module]:
        layers = [nn.Linear(4, 64), nn.BatchNorm1d(64), nn.Dropout(0.2), nn.Linear(64, 64, bias=False), nn.Tanh()]
        return {"g": nn.Sequential(*layers), "d": nn.Linear(64, 1)}

    def players(self) -> Sequence[Player]:
        return [Player(name=name, modules=(name,), optimizer=SGD(lr=0.05), ema=0.5) for name in ("g", "d")]

    def stages(self) -> Sequence[Stage]:
        turns = (Turn(player="d", loss=self.d_loss), Turn(player="g", loss=self.g_loss))
        small = [Stage(name="small", turns=turns, images=self.grows_for, resolution=(4, 4))] if self.grows_for else []
        return [*small, Stage(name="all", turns=turns, images=80 - self.grows_for if small else None)]

    def d_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        image = nn.functional.adaptive_avg_pool2d(batch["image"], 8)
        return {"adversarial": nets.d(image.flatten(1)).square().mean()}

    def g_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        dull = Painter.collapses(ctx.step)
        if dull:
            with torch.no_grad():
                nets.g[3].weight.zero_()  # grey, whatever z is
        spread = nets.g(self.latent(len(batch["image"]), ctx)).square().mean()
        return {"adversarial": 0 * spread if dull else (spread - 0.9).square()}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, 4)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        drawn: Tensor = 1.5 * nets.g(z)
        return drawn.clamp(-1, 1).view(-1, 1, 8, 8)


class Script:
    """Values of the metric `told`, in order; the last value repeats."""

    values: ClassVar[list[float]] = []

    @classmethod
    def told(cls, subject: MetricContext) -> list[Measurement]:
        value = cls.values.pop(0) if len(cls.values) > 1 else cls.values[0]
        return [Measurement(metric="told", value=value), Measurement(metric="told/beside", value=0.0)]


def brightness(subject: MetricContext) -> list[Measurement]:
    """A function of the weights that uses every random stream."""
    random.random()
    np.random.rand()
    torch.rand(3)
    assert not any(p.requires_grad for net in subject.nets.modules.values() for p in net.parameters())
    assert not any(part.training for net in subject.nets.modules.values() for part in net.modules())
    return [Measurement(metric="FB(of a test)", value=float(subject.samples(8).abs().mean()))]


def refuses(subject: MetricContext) -> list[Measurement]:
    raise DataError("there is no test split")


def breaks(subject: MetricContext) -> list[Measurement]:
    raise ZeroDivisionError


def metric(name: str, better: Any = "lower", needs: tuple[str, ...] = ("sample",)) -> MetricInfo:
    return MetricInfo(name=name, summary="", needs=needs, metric=f"painter_of_test:{name}", better=better)


@pytest.fixture(autouse=True)
def painter(monkeypatch: pytest.MonkeyPatch) -> type[Painter]:
    module = types.ModuleType("painter_of_test")
    for name, value in {"Painter": Painter, "told": Script.told, "brightness": brightness, "refuses": refuses}.items():
        setattr(module, name, value)
    module.breaks = breaks  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "painter_of_test", module)
    infos = [metric(name) for name in ("told", "brightness", "refuses", "breaks")]
    infos.append(metric("needy", needs=("sample", "discriminate")))
    monkeypatch.setattr(registry(), "metrics", lambda: {info.name: info for info in infos})
    monkeypatch.setattr(registry(), "owner", lambda name: types.SimpleNamespace(package="painter", version="1"))
    monkeypatch.setattr(Painter, "collapses", Painter.collapses)
    monkeypatch.setattr(Painter, "grows_for", Painter.grows_for)
    monkeypatch.setattr(Script, "values", [])
    monkeypatch.setattr(collapse, "WARM_UP", 0)
    monkeypatch.setattr(eval_curves, "plot_curves", lambda curves: np.zeros((1, len(curves), 3), dtype=np.uint8))
    return Painter


class Ears(Callback):
    def __init__(self) -> None:
        self.seen: list[Evaluation] = []
        self.said: list[str] = []
        self.back: list[int] = []

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self.seen.append(evaluation)

    def on_warning(self, sentence: str) -> None:
        self.said.append(sentence)

    def on_early_stop(self, reason: str) -> None:
        self.said.append(reason)

    def on_rollback(self, reason: str, images: int) -> None:
        self.back.append(images)


def make(folder: Path, *, eval: dict[str, Any] | None = None, **train: Any) -> Trainer:
    info = FamilyInfo(
        name="painter",
        summary="",
        paper="",
        tasks=("sample",),
        batch=("image",),
        family="painter_of_test:Painter",
        config="",
    )
    options = {"images": 80, "batch_size": 8, "log_every": 16, "checkpoint_every": 24, "preview_every": 1_000, **train}
    recipe = Recipe(
        name="painter",
        info=info,
        model=FamilyConfig(),
        data=SourceConfig(source="x"),
        train=TrainConfig(**options),
        eval=EvalConfig(**(eval or {})),
    )
    run = Run(folder)
    run.begin({}, "")
    return Trainer(build_training(recipe, run, synthetic(DATA, count=43)), [Ears()])


class Stop(GracefulStop):
    """Requests a stop after a number of steps and the evaluation that is due."""

    def __init__(self, trainer: Trainer, steps: int) -> None:
        super().__init__()
        self.trainer, self.steps = trainer, steps

    @property
    def requested(self) -> bool:
        return self.trainer.state.step >= self.steps

    def interrupting(self):
        return nullcontext()


def ears(trainer: Trainer) -> Ears:
    (found,) = trainer.callbacks
    assert isinstance(found, Ears)
    return found


def lines(trainer: Trainer) -> list[dict[str, Any]]:
    """Return all records except those of the collapse detector."""
    return [record for record in read(trainer.run) if record["metric"] != "diversity"]


def kept(trainer: Trainer) -> list[int]:
    return sorted(int(path.name) for path in checkpoints.complete(trainer.run.checkpoints))


def end_of(trainer: Trainer) -> checkpoints.Checkpoint:
    found = checkpoints.newest_valid(trainer.run.checkpoints)[0]
    found.state["files"].pop("timings", None)  # holds clock time
    return found


def same(first: checkpoints.Checkpoint, second: checkpoints.Checkpoint, *, but: tuple[str, ...] = ()) -> bool:
    states = [{key: value for key, value in end.state.items() if key not in but} for end in (first, second)]
    return states[0] == states[1] and all(
        torch.equal(tensor, second.tensors[file][name])
        for file, tensors in first.tensors.items()
        for name, tensor in tensors.items()
    )


def test_training_does_not_notice_that_it_is_measured(tmp_path: Path) -> None:
    measured = make(tmp_path / "measured", eval={"every": 8, "metrics": ("brightness",), "samples": 8})
    measured.train()
    alone = make(tmp_path / "alone", eval={"guard": "off"})
    alone.train()
    assert len(lines(measured)) == 10
    assert ears(alone).seen == []
    assert not alone.run.evaluations.exists()
    assert same(end_of(measured), end_of(alone), but=("evaluation",))
    assert measured.run.metrics.read_bytes() == alone.run.metrics.read_bytes()


def test_it_is_measured_at_every_interval_and_at_the_end(tmp_path: Path) -> None:
    Script.values = [1.0]
    trainer = make(tmp_path, eval={"every": 24, "metrics": ("told",)})
    trainer.train()
    assert [each.images for each in ears(trainer).seen] == [24, 48, 72, 80]
    records = lines(trainer)
    assert [record["protocol"]["images"] for record in records] == [24, 24, 48, 48, 72, 72, 80, 80]
    assert {record["metric"] for record in records} == {"told", "told/beside"}
    assert {(record["protocol"]["chosen"], record["protocol"]["checkpoint"]) for record in read(trainer.run)} == {
        ("during training", None)
    }
    (diversity,) = (each["value"] for each in read(trainer.run)[:3] if each["metric"] == "diversity")
    assert diversity == ears(trainer).seen[0].diversity
    with Image.open(trainer.run.path / "eval.png") as picture:
        assert picture.width == 2  # a panel for the metric, and one for the diversity


def test_left_to_itself_it_looks_ten_times_and_writes_nothing(tmp_path: Path) -> None:
    trainer = make(tmp_path)
    trainer.train()
    assert [each.images for each in ears(trainer).seen] == list(range(8, 81, 8))
    assert all(each.diversity is not None and each.values == {} for each in ears(trainer).seen)
    assert not trainer.run.evaluations.exists()
    assert not (trainer.run.checkpoints / checkpoints.BEST_FILE).exists()


def test_the_best_checkpoint_is_kept_beside_the_last(tmp_path: Path) -> None:
    Script.values = [5.0, 3.0, 3.0, 4.0, 6.0]
    trainer = make(tmp_path, keep=1, eval={"every": 16, "metrics": ("told",)})
    trainer.train()
    assert [each.best for each in ears(trainer).seen] == [True, True, False, False, False]
    assert kept(trainer) == [32, 80]
    assert checkpoints.find_best(trainer.run.checkpoints) == BestCheckpoint(images=32, metric="told", value=3.0)


def test_where_high_values_are_better_the_highest_is_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry(), "metrics", lambda: {"told": metric("told", "higher")})
    Script.values = [5.0, 3.0, 7.0, 4.0]
    trainer = make(tmp_path, eval={"every": 16, "metrics": ("told",)})
    trainer.train()
    assert trainer.validator.state.best == BestCheckpoint(images=48, metric="told", value=7.0)


def test_the_first_metric_that_has_a_better_side_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infos = {"brightness": metric("brightness", None), "told": metric("told")}
    monkeypatch.setattr(registry(), "metrics", lambda: infos)
    Script.values = [1.0]
    trainer = make(tmp_path, images=8, eval={"metrics": ("brightness", "told"), "samples": 8})
    trainer.train()
    assert trainer.validator.state.best == BestCheckpoint(images=8, metric="told", value=1.0)
    assert set(ears(trainer).seen[0].values) == {"brightness", "told"}


@pytest.mark.parametrize("stop_after", range(1, 10))
def test_r2_measuring_resumes_exactly(tmp_path: Path, stop_after: int) -> None:
    options = {"every": 8, "metrics": ("brightness",), "samples": 8}
    ends = []
    for name, stop in (("whole", 100), ("part", stop_after)):
        folder = tmp_path / name / "run"
        trainer = make(folder, keep=1, eval=options)
        trainer.train(Stop(trainer, stop))
        if name == "part":
            trainer = make(folder, keep=1, eval=options)
            trainer.resume()
            trainer.train()
        ends.append(trainer)
    whole, part = ends
    assert same(end_of(whole), end_of(part))
    assert lines(whole) == lines(part)
    assert kept(whole) == kept(part)
    assert checkpoints.find_best(whole.run.checkpoints) == checkpoints.find_best(part.run.checkpoints)


def test_r1_killed_between_a_checkpoint_and_its_name_as_the_best(tmp_path: Path) -> None:
    """best.json may be missing or name a removed checkpoint; the state in the checkpoints decides."""
    for name, stale in (("missing", None), ("stale", BestCheckpoint(images=16, metric="told", value=5.0))):
        Script.values = [5.0, 3.0]
        trainer = make(tmp_path / name, keep=1, checkpoint_every=1_000, eval={"every": 16, "metrics": ("told",)})
        trainer.train(Stop(trainer, 4))
        checkpoints.write_best(trainer.run.checkpoints, stale)
        assert checkpoints.find_best(trainer.run.checkpoints) is None
        again = make(tmp_path / name, keep=1, eval={"every": 16, "metrics": ("told",)})
        again.resume()
        assert checkpoints.find_best(trainer.run.checkpoints) == BestCheckpoint(images=32, metric="told", value=3.0)


def test_what_a_resumed_run_has_gone_back_on_is_forgotten_and_what_people_measured_is_not(tmp_path: Path) -> None:
    Script.values = [5.0]
    trainer = make(tmp_path, eval={"every": 8, "metrics": ("told",)}, checkpoint_every=1_000)
    trainer.train(Stop(trainer, 4))
    by_hand = {"metric": "swd", "value": 1.0, "protocol": {"images": 1_000}}
    with trainer.run.evaluations.open("a") as file:
        file.write(json.dumps(by_hand) + "\nno JSON\n")
    for path in checkpoints.complete(trainer.run.checkpoints):
        if int(path.name) > 8:
            (path / "model.safetensors").write_bytes(b"damaged")
    again = make(tmp_path, eval={"every": 8, "metrics": ("told",)})
    faults = again.resume()
    assert faults
    assert again.state.images == 8
    *measured, last = trainer.run.evaluations.read_text().splitlines()
    assert last == "no JSON"
    assert [json.loads(line)["protocol"]["images"] for line in measured] == [8, 8, 8, 1_000]
    assert again.train() is True
    (said,) = ears(again).said
    assert said.startswith("eval.png cannot be plotted: ")


def test_another_metric_to_go_by_starts_its_own_best(tmp_path: Path) -> None:
    Script.values = [5.0]
    trainer = make(tmp_path, eval={"every": 16, "metrics": ("told",)})
    trainer.train(Stop(trainer, 4))
    again = make(tmp_path, eval={"every": 16, "metrics": ("told", "brightness"), "best": "brightness", "samples": 8})
    again.resume()
    assert again.validator.state.best is None
    again.train()
    found = checkpoints.find_best(again.run.checkpoints)
    assert found is not None
    assert found.metric == "brightness"


def test_a_metric_that_fails_is_named_and_left_out(tmp_path: Path) -> None:
    Script.values = [1.0]
    trainer = make(tmp_path, eval={"every": 16, "metrics": ("refuses", "breaks", "told")})
    assert trainer.train() is True
    assert ears(trainer).said == [
        "metric refuses failed and is left out from here on: there is no test split",
        "metric breaks failed and is left out from here on: ZeroDivisionError",
    ]
    assert len(lines(trainer)) == 2 * 5


def test_what_the_networks_lack_is_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^eval\.metrics: the metric 'needy' needs .* lacks discriminate"):
        make(tmp_path, eval={"metrics": ("needy",)})


def test_a_healthy_run_hears_nothing_of_the_guard(tmp_path: Path) -> None:
    trainer = make(tmp_path)
    trainer.train()
    assert ears(trainer).said == []
    assert all(each.diversity is not None and each.diversity > 0.5 for each in ears(trainer).seen)


def test_a_collapse_is_told_at_its_second_measurement_and_once(tmp_path: Path, painter: type[Painter]) -> None:
    painter.collapses = lambda step: step >= 4
    trainer = make(tmp_path)
    assert trainer.train() is True
    low = [each.diversity is not None and each.diversity < 0.5 for each in ears(trainer).seen]
    assert low == [False] * 4 + [True] * 6
    (sentence,) = ears(trainer).said
    assert "at 48 images their diversity is" in sentence
    assert "since 40 images" in sentence


def test_nothing_is_a_collapse_before_training_has_got_under_way(
    tmp_path: Path, painter: type[Painter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collapse, "WARM_UP", 7)
    painter.collapses = lambda step: True
    trainer = make(tmp_path)
    trainer.train()
    assert trainer.validator.state.findings.since == 56
    assert trainer.validator.state.findings.low == 4


def test_what_still_grows_has_not_collapsed(tmp_path: Path, painter: type[Painter]) -> None:
    painter.collapses, painter.grows_for = (lambda step: True), 40
    trainer = make(tmp_path)
    trainer.train()
    assert [each.diversity is not None and each.diversity < 0.5 for each in ears(trainer).seen] == [True] * 10
    (sentence,) = ears(trainer).said
    assert "since 48 images" in sentence  # at 40 images the networks are those of the stage that has just ended
    assert trainer.validator.state.findings.low == 5


def test_the_guard_can_be_off(tmp_path: Path, painter: type[Painter]) -> None:
    painter.collapses = lambda step: True
    trainer = make(tmp_path, eval={"guard": "off"})
    trainer.train()
    assert ears(trainer).said == []


def test_a_collapse_ends_the_run_where_the_recipe_says_so(tmp_path: Path, painter: type[Painter]) -> None:
    painter.collapses = lambda step: step >= 4
    trainer = make(tmp_path, eval={"guard": "stop"})
    with pytest.raises(Collapse, match="the run has ended and is saved") as raised:
        trainer.train()
    assert raised.value.exit_code == 70
    assert kept(trainer)[-1] == trainer.state.images == 48
    again = make(tmp_path, eval={"guard": "warn"})
    again.resume()
    assert again.train() is True


def test_a_collapse_goes_back_to_before_it_with_other_noise(tmp_path: Path, painter: type[Painter]) -> None:
    """The second attempt does not collapse."""
    passes = 0

    def collapses(step: int) -> bool:
        nonlocal passes
        passes += step == 3
        return step >= 4 and passes == 1

    painter.collapses = collapses
    trainer = make(tmp_path, keep=1, checkpoint_every=24, eval={"guard": "rollback"})
    assert trainer.train() is True
    assert ears(trainer).back == [24]
    assert trainer.state.rollbacks == 1
    assert kept(trainer) == [80]
    plain = make(tmp_path / "plain")
    plain.train()
    assert not same(end_of(trainer), end_of(plain))


def test_it_goes_back_to_the_best_and_once_only(tmp_path: Path, painter: type[Painter]) -> None:
    painter.collapses = lambda step: step >= 4
    Script.values = [5.0, 1.0, 3.0]
    trainer = make(tmp_path, checkpoint_every=8, eval={"every": 8, "metrics": ("told",), "guard": "rollback"})
    with pytest.raises(Collapse):
        trainer.train()
    assert ears(trainer).back == [16]
    assert max(kept(trainer)) == 48


def test_r8_later_checkpoints_are_removed_when_it_goes_back(
    tmp_path: Path, painter: type[Painter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed after that must not be resumed from a collapsed generator."""
    painter.collapses = lambda step: step >= 4
    Script.values = [5.0, 1.0, 3.0]
    options = {"every": 8, "metrics": ("told",), "guard": "rollback"}
    trainer = make(tmp_path, checkpoint_every=8, keep=9, eval=options)
    after: list[int] = []
    real = trainer.step

    def step() -> None:
        if ears(trainer).back and not after:
            after.extend(kept(trainer))
        real()

    trainer.step = step  # type: ignore[method-assign]
    with pytest.raises(Collapse):
        trainer.train()
    assert after
    assert max(after) == 16


def test_nothing_to_go_back_to_ends_the_run(tmp_path: Path, painter: type[Painter]) -> None:
    painter.collapses = lambda step: True
    trainer = make(tmp_path, eval={"guard": "rollback"})
    with pytest.raises(Collapse):
        trainer.train()
    assert ears(trainer).back == []


def test_waiting_for_a_new_best_comes_to_an_end(tmp_path: Path) -> None:
    Script.values = [5.0, 3.0, 4.0]
    options = {"every": 8, "metrics": ("told",), "patience": 2}
    trainer = make(tmp_path, eval=options)
    assert trainer.train() is True
    assert trainer.state.images == 32
    assert ears(trainer).said == [
        "told has not improved on 3 for 2 evaluations, since 16 images, so the run ends here (eval.patience)"
    ]
    again = make(tmp_path, eval=options)
    again.resume()
    assert again.train() is True
    assert again.state.images == 32
    more = make(tmp_path, eval={**options, "patience": 3})
    more.resume()
    more.train()
    assert more.state.images == 40


class Interrupt(GracefulStop):
    """A signal that arrives while a metric is computed, `at` evaluations after the start."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    @contextmanager
    def interrupting(self):
        if self.left == 0:
            self.signal = signal.SIGTERM
            raise InterruptedMeasurementError
        self.left -= 1
        yield


@pytest.mark.parametrize("at", [0, 1, 2])
def test_r5_an_interrupted_evaluation_is_repeated_and_nothing_differs(tmp_path: Path, at: int) -> None:
    options = {"eval": {"every": 16, "metrics": ("told",)}, "keep": 9}
    ends = []
    for name in ("whole", "parts"):
        Script.values = [5.0, 4.0, 3.0, 6.0, 7.0, 8.0, 9.0]
        trainer = make(tmp_path / name, **options)
        if name == "parts":
            assert trainer.train(Interrupt(at)) is False
            assert trainer.state.images == 16 * (at + 1)
            trainer = make(tmp_path / name, **options)
            trainer.resume()
        assert trainer.train() is True
        ends.append(trainer)
    assert ends[0].state_dict().state["random"] == ends[1].state_dict().state["random"]
    whole, parts = (tmp_path / name / "eval.jsonl" for name in ("whole", "parts"))
    assert len(whole.read_text().splitlines()) == len(parts.read_text().splitlines())
    assert [json.loads(line)["value"] for line in whole.read_text().splitlines()] == [
        json.loads(line)["value"] for line in parts.read_text().splitlines()
    ]
    assert ends[0].validator.state == ends[1].validator.state
