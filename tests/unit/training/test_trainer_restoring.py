"""Checkpoints with valid hashes that do not fit: the one before is taken, and no file has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gancli.errors import DataError
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint
from gancli.testing.contract import FamilyContract
from gancli.training.trainer import Trainer


class Perceptrons(FamilyContract):
    family = "gan"
    model = {"generator_widths": [16], "discriminator_widths": [16]}


OPTIONS = {"images": 48, "ema": 0.9, "checkpoint_every": 16, "log_every": 8, "keep": 3}


def shape(checkpoint: Checkpoint) -> None:
    name = next(name for name in checkpoint.tensors["optimizers"] if name.endswith("exp_avg"))
    checkpoint.tensors["optimizers"][name] = torch.zeros(3, 5)


def slot(checkpoint: Checkpoint) -> None:
    name = next(name for name in checkpoint.tensors["optimizers"] if name.endswith("exp_avg_sq"))
    del checkpoint.tensors["optimizers"][name]


def steps(checkpoint: Checkpoint) -> None:
    name = next(name for name in checkpoint.tensors["optimizers"] if name.endswith("step"))
    checkpoint.tensors["optimizers"][name] = torch.tensor(-1.0)


def stage(checkpoint: Checkpoint) -> None:
    checkpoint.state["position"]["stage"] = 7


def player(checkpoint: Checkpoint) -> None:
    del checkpoint.state["players"]["generator"]


def stream(checkpoint: Checkpoint) -> None:
    checkpoint.state["random"]["torch"] = "00"


def words(checkpoint: Checkpoint) -> None:
    checkpoint.state["random"]["python"] = [3, [2**70], None]


def weight(checkpoint: Checkpoint) -> None:
    name = next(iter(checkpoint.tensors["model"]))
    checkpoint.tensors["model"][name] = torch.zeros(1)


def unknown(checkpoint: Checkpoint) -> None:
    checkpoint.tensors["optimizers"]["generator/generator.9.weight/step"] = torch.tensor(1.0)


def family(checkpoint: Checkpoint) -> None:
    checkpoint.manifest["family"] = "dcgan"


def networks(checkpoint: Checkpoint) -> None:
    checkpoint.state.clear()


@pytest.mark.parametrize(
    "change", [shape, slot, steps, stage, player, stream, words, weight, unknown, family, networks]
)
def test_r7_the_checkpoint_before_is_taken(tmp_path: Path, change: Callable[[Checkpoint], None]) -> None:
    Perceptrons().trainer(tmp_path, **OPTIONS).train()
    folder = tmp_path / "checkpoints"
    newest = checkpoints.load(folder / "48")
    change(newest)
    checkpoints.save(folder, newest, keep=3)
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    (fault,) = trainer.resume()
    assert "48 images" in fault or "belongs to the family 'dcgan'" in fault
    assert trainer.state.images == 32
    expected = checkpoints.load(folder / "32")
    assert trainer.state_dict().state == expected.state
    assert trainer.train() is True
    clean = Perceptrons().trainer(tmp_path / "clean", **OPTIONS)
    clean.train()
    assert same(trainer, clean)


def test_r7_if_none_fits_no_file_has_changed(tmp_path: Path) -> None:
    Perceptrons().trainer(tmp_path, **{**OPTIONS, "keep": 1}).train()
    newest = checkpoints.load(tmp_path / "checkpoints" / "48")
    shape(newest)
    newest.state["files"] = {"metrics": 0, "timings": 0}
    checkpoints.save(tmp_path / "checkpoints", newest, keep=1)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(DataError, match=r"no valid checkpoint under .*does not fit the networks of this recipe"):
        Perceptrons().trainer(tmp_path, **OPTIONS).resume()
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def same(first: Trainer, second: Trainer) -> bool:
    return all(
        torch.equal(tensor, second.state_dict().tensors[file][name])
        for file, tensors in first.state_dict().tensors.items()
        for name, tensor in tensors.items()
    )
