"""A save: logs are on the disk before a checkpoint counts them, and only finite numbers are saved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from gancli.errors import NumericalError
from gancli.runs import checkpoint as checkpoints
from gancli.testing.contract import FamilyContract
from gancli.training.callbacks import Callback
from gancli.training.trainer import Trainer


class Perceptrons(FamilyContract):
    family = "gan"
    model = {"generator_widths": [16], "discriminator_widths": [16], "batch_norm": True}


OPTIONS = {"images": 48, "ema": 0.9, "checkpoint_every": 16, "log_every": 8}


class Warnings(Callback):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.rollbacks: list[str] = []

    def on_warning(self, message: str) -> None:
        self.warnings.append(message)

    def on_rollback(self, reason: str, images: int) -> None:
        self.rollbacks.append(reason)


def test_logs_are_synced_before_the_checkpoint_that_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    trainer.train()
    for checkpoint in range(3):
        first = [place for place, name in enumerate(synced) if name == "model.safetensors"][checkpoint]
        assert synced[first - 2 : first] == ["metrics.jsonl", "timings.jsonl"]


@pytest.mark.parametrize("damage", ["shorter", "empty", "missing", "broken"])
def test_a_resume_says_what_its_logs_have_lost(tmp_path: Path, damage: str) -> None:
    Perceptrons().trainer(tmp_path, **OPTIONS).train()
    path = tmp_path / "metrics.jsonl"
    content = path.read_bytes()
    match damage:
        case "shorter":
            path.write_bytes(content[:-10])
        case "empty":
            path.write_bytes(b"")
        case "missing":
            path.unlink()
        case "broken":
            path.write_bytes(b"?" + content[1:])
    trainer, warnings = Perceptrons().trainer(tmp_path, **{**OPTIONS, "images": 64}), Warnings()
    trainer.callbacks.append(warnings)
    assert trainer.resume() == []
    (said,) = warnings.warnings
    assert str(path) in said
    assert ("lost" in said) != (damage == "broken")
    assert trainer.train() is True
    assert '"images": 64' in path.read_text().splitlines()[-1]


PLACES = {
    "weight": "discriminator.0.weight is not finite",
    "buffer": "generator.1.running_mean is not finite",
    "average": "the average of generator.0.weight is not finite",
    "moment": "exp_avg of generator.0.weight in the optimizer of generator is not finite",
}


def poison(trainer: Trainer, place: str, value: float) -> None:
    players = trainer.players
    with torch.no_grad():
        match place:
            case "weight":
                next(iter(players.modules["discriminator"].parameters()))[0] = value
            case "buffer":
                players.modules["generator"][1].running_mean[0] = value
            case "average":
                players.states["generator"].averaged["generator"][0].weight[0] = value
            case "moment":
                state = players.states["generator"]
                state.optimizer.state[state.named_parameters["generator.0.weight"]]["exp_avg"][0] = value


def poison_at(trainer: Trainer, place: str, value: float, step: int, times: int) -> None:
    """Poison the state after a step, as an update that overflows does; the losses of the step were finite."""
    real = trainer.step
    left = times

    def stepping() -> None:
        nonlocal left
        real()
        if trainer.state.step == step and left:
            left -= 1
            poison(trainer, place, value)

    trainer.step = stepping  # type: ignore[method-assign]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("place", PLACES)
def test_r8_what_overflows_after_the_losses_is_found_before_it_is_saved(
    tmp_path: Path, place: str, value: float
) -> None:
    trainer, warnings = Perceptrons().trainer(tmp_path, **OPTIONS), Warnings()
    trainer.callbacks.append(warnings)
    poison_at(trainer, place, value, step=4, times=1)
    assert trainer.train() is True
    (reason,) = warnings.rollbacks
    assert reason.startswith(PLACES[place].partition(".")[0])
    assert "is not finite at step 4 (32 images)" in reason
    for path in checkpoints.complete(tmp_path / "checkpoints"):
        for tensors in checkpoints.load(path).tensors.values():
            assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_r8_the_last_state_is_checked_as_well(tmp_path: Path) -> None:
    trainer = Perceptrons().trainer(tmp_path, **{**OPTIONS, "checkpoint_every": 1_000})
    poison_at(trainer, "average", float("inf"), step=6, times=9)
    with pytest.raises(NumericalError, match=r"the average of .* at step 6 \(48 images\); nothing was saved yet"):
        trainer.train()
    assert checkpoints.complete(tmp_path / "checkpoints") == []


def test_r8_a_stop_saves_nothing_that_is_not_finite_and_names_the_last_that_is(tmp_path: Path) -> None:
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    poison_at(trainer, "weight", float("inf"), step=3, times=1)

    class Stop:
        @property
        def requested(self) -> bool:
            return trainer.state.step >= 3

    with pytest.raises(NumericalError, match=r"at step 3 \(24 images\); the checkpoint at 16 images is intact"):
        trainer.train(Stop())  # type: ignore[arg-type]
    assert trainer.run.saved() == [16]


def test_r8_a_checkpoint_that_was_saved_with_infinities_is_skipped(tmp_path: Path) -> None:
    """Versions before 0.3 saved them."""
    Perceptrons().trainer(tmp_path, **OPTIONS).train()
    newest = checkpoints.load(tmp_path / "checkpoints" / "48")
    name = next(name for name in newest.tensors["ema"] if name.endswith("weight"))
    newest.tensors["ema"][name][0] = float("inf")
    checkpoints.save(tmp_path / "checkpoints", newest, keep=3)
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    (fault,) = trainer.resume()
    assert fault.startswith("the checkpoint at 48 images is damaged: the average of generator")
    assert trainer.state.images == 32


def test_large_finite_weights_are_finite(tmp_path: Path) -> None:
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    with torch.no_grad():
        for parameter in trainer.players.modules["generator"].parameters():
            parameter.fill_(3e38)
    trainer.players.check_finite()


def test_r8_a_second_try_has_other_noise_and_other_images_each_alone(tmp_path: Path) -> None:
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    trainer.train()
    checkpoint = checkpoints.load(tmp_path / "checkpoints" / "32")
    trainer.load_state_dict(checkpoint)
    noise, position = trainer.generator.get_state(), trainer.loader.position
    trainer.go_back(checkpoint, "a test")
    assert not torch.equal(trainer.generator.get_state(), noise)
    assert trainer.loader.position != position
    first = trainer.generator.get_state(), trainer.loader.position
    trainer.go_back(checkpoint, "a test")
    assert not torch.equal(trainer.generator.get_state(), first[0])
    assert trainer.loader.position != first[1]


def test_sample_sheets_are_thinned_while_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gancli.training.preview.MAX_SHEETS", 4)
    trainer = Perceptrons().trainer(tmp_path, **{**OPTIONS, "images": 8 * 16, "preview_every": 8})
    trainer.train()
    assert list(trainer.run.previews()) == [0, 32, 64, 96, 128]


def test_timings_are_cut_as_the_metrics_are(tmp_path: Path) -> None:
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    trainer.train()
    first = checkpoints.load(tmp_path / "checkpoints" / "32")
    assert trainer.timings.size > first.state["files"]["timings"]
    trainer.load_state_dict(first)
    assert trainer.timings.size == first.state["files"]["timings"]
    assert trainer.metrics.size == first.state["files"]["metrics"]
