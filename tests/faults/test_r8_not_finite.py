"""R8: a value that is not finite is detected at its step, named, and never reaches weights, averages or checkpoints."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from gancli.errors import NumericalError
from gancli.family import Turn
from gancli.plugins.registry import registry
from gancli.runs import checkpoint as checkpoints
from gancli.testing.contract import FamilyContract
from gancli.training.callbacks import Callback
from gancli.training.trainer import MAX_ROLLBACKS, Trainer


class Perceptrons(FamilyContract):
    family = "gan"
    model = {"generator_widths": [16], "discriminator_widths": [16], "batch_norm": True}


class Rollbacks(Callback):
    def __init__(self) -> None:
        self.reasons: list[str] = []

    def on_rollback(self, reason: str, images: int) -> None:
        self.reasons.append(reason)


def poison(trainer: Trainer, where: str, at: int, *, times: int) -> None:
    """Put NaN into one place at one step, `times` times."""
    left = times
    stage = trainer.plan.stages[0].stage
    turn = stage.turns[1 if where == "term" else 0]
    real = turn.loss

    def loss(nets, batch, ctx):
        nonlocal left
        hit = ctx.step == at and left > 0
        left -= hit
        if hit and where == "image":
            batch = {"image": batch["image"] * float("nan")}
        if hit and where == "weight":
            with torch.no_grad():
                next(trainer.players.modules["generator"].parameters())[0] = float("nan")
        if hit and where == "buffer":
            trainer.players.modules["generator"][1].running_mean.fill_(float("nan"))
            trainer.players.modules["generator"].eval()
        terms = dict(real(nets, batch, ctx))
        trainer.players.modules["generator"].train()
        if hit and where == "term":
            terms["adversarial"] = terms["adversarial"] * float("nan")
        if hit and where == "gradient":
            parameter = next(trainer.players.modules["discriminator"].parameters())
            terms["adversarial"] = terms["adversarial"] + Spike.apply(parameter.sum())
        return terms

    object.__setattr__(turn, "loss", loss)


class Spike(torch.autograd.Function):
    """Return zero; the gradient is NaN."""

    @staticmethod
    def forward(ctx, x):
        return x * 0

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("nan")


def finite(folder: Path) -> bool:
    return all(
        tensor.isfinite().all()
        for path in checkpoints.complete(folder)
        for tensors in checkpoints.load(path).tensors.values()
        for tensor in tensors.values()
    )


NAMES = {
    "image": "discriminator/adversarial",
    "weight": "discriminator/adversarial",
    "buffer": "discriminator/adversarial",
    "term": "generator/adversarial",
    "gradient": "the gradient of discriminator",
}


STEPS = (10, 15, 21, 29)
"""Steps after the first checkpoint: at a checkpoint, between two, and the last one."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("where", NAMES)
def test_r8_one_bad_step_rolls_back_and_training_goes_on(tmp_path: Path, where: str, step: int) -> None:
    trainer = Perceptrons().trainer(tmp_path, images=240, ema=0.9, checkpoint_every=80)
    watcher = Rollbacks()
    trainer.callbacks.append(watcher)
    poison(trainer, where, step, times=1)
    assert trainer.train() is True
    (reason,) = watcher.reasons
    assert reason.startswith(f"{NAMES[where]} is not finite at step {step} ({8 * step} images)")
    assert trainer.state.rollbacks == 1
    assert finite(tmp_path / "checkpoints")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("where", NAMES)
def test_r8_what_stays_bad_ends_with_exit_70(tmp_path: Path, where: str, step: int) -> None:
    trainer = Perceptrons().trainer(tmp_path, images=240, ema=0.9, checkpoint_every=80)
    watcher = Rollbacks()
    trainer.callbacks.append(watcher)
    poison(trainer, where, step, times=100)
    with pytest.raises(NumericalError, match=r"the checkpoint at \d+ images is intact") as raised:
        trainer.train()
    assert raised.value.exit_code == 70
    assert len(watcher.reasons) == MAX_ROLLBACKS
    assert finite(tmp_path / "checkpoints")


def test_r8_without_a_checkpoint_it_stops_at_once_and_saves_nothing(tmp_path: Path) -> None:
    trainer = Perceptrons().trainer(tmp_path, images=240)
    poison(trainer, "term", 3, times=1)
    with pytest.raises(NumericalError, match="nothing was saved yet; lower the learning rate"):
        trainer.train()
    assert checkpoints.complete(tmp_path / "checkpoints") == []


def test_r8_a_second_try_sees_other_noise_and_images(tmp_path: Path) -> None:
    trainer = Perceptrons().trainer(tmp_path, images=160, checkpoint_every=80)
    plain = Perceptrons().trainer(tmp_path / "plain", images=160)
    plain.train()
    poison(trainer, "term", 15, times=1)
    trainer.train()
    first, second = (next(iter(t.players.modules["generator"].parameters())) for t in (trainer, plain))
    assert not torch.equal(first, second)


def poison_any(trainer: Trainer, where: str, at: int) -> list[str]:
    """Put NaN into one place of one step of any family, once. Return a list that receives the place."""
    poisoned: list[str] = []
    turns = {id(turn): turn for stage in trainer.plan.stages for turn in stage.stage.turns}  # stages may share turns
    for turn in turns.values():
        object.__setattr__(turn, "loss", poisoned_loss(trainer, turn, where, at, poisoned))
    return poisoned


def poisoned_loss(trainer: Trainer, turn: Turn, where: str, at: int, poisoned: list[str]):
    real = turn.loss

    def loss(nets, batch, ctx):
        if ctx.step != at or poisoned:
            return real(nets, batch, ctx)
        parameters = trainer.players.states[turn.player].parameters
        if where == "image":
            batch = {key: value * float("nan") if value.is_floating_point() else value for key, value in batch.items()}
        if where == "weight":
            with torch.no_grad():
                for weights in parameters:
                    weights.fill_(float("nan"))
        terms = dict(real(nets, batch, ctx))
        name = next(iter(terms))
        if where == "term":
            terms[name] = terms[name] * float("nan")
        if where == "gradient":
            terms[name] = terms[name] + Spike.apply(parameters[0].sum())
        if where == "gradient" or not all(term.isfinite() for term in terms.values()):
            poisoned.append(turn.player)
        return terms

    return loss


@pytest.mark.long
@pytest.mark.parametrize("where", ["image", "weight", "term", "gradient"])
@pytest.mark.parametrize("family", sorted(registry().families()))
def test_r8_every_family_at_random_steps(
    tmp_path: Path, small_family, family: str, where: str, injected, stop_at
) -> None:
    steps = random.Random(f"{family} {where}").sample(range(9, 24), 4)
    for step in steps:
        trainer = small_family(family).trainer(tmp_path / str(step), images=10**6, ema=0.9, checkpoint_every=40)
        watcher = Rollbacks()
        trainer.callbacks.append(watcher)
        poisoned = poison_any(trainer, where, step)
        assert trainer.train(stop_at(trainer, 26)) is False
        (player,), (reason,) = poisoned, watcher.reasons
        assert reason.startswith((f"{player}/", f"the gradient of {player} "))
        assert f"is not finite at step {step} " in reason
        assert finite(tmp_path / str(step) / "checkpoints")
    injected(len(steps))
