"""R2: a run stopped at any step and resumed in a new process is bit-identical to an uninterrupted one."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from gancli.runs import checkpoint as checkpoints
from gancli.testing.contract import FamilyContract


class Perceptrons(FamilyContract):
    family = "gan"
    model = {"generator_widths": [16], "discriminator_widths": [16], "batch_norm": True, "dropout": 0.3, "r1": 0.1}
    steps = 30

    def train_in_two(self, folder: Path, stop_after: int, **train: object) -> None:
        first = self.trainer(folder, **train)

        class Stop:
            @property
            def requested(self) -> bool:
                return first.state.step >= stop_after

        assert first.train(Stop()) is False
        second = self.trainer(folder, **train)
        second.resume()
        assert second.state.step == stop_after
        assert second.train() is True


@pytest.mark.parametrize("seed", range(10))
def test_r2_stopped_at_a_random_step(tmp_path: Path, seed: int) -> None:
    """Stops fall inside epochs, between log lines and between saves; the metrics are the same as without a stop."""
    family = Perceptrons()
    options = {"images": 240, "ema": 0.9, "schedule": "linear", "warmup": 50, "seed": seed, "log_every": 40}
    family.trainer(tmp_path / "whole", **options).train()
    family.train_in_two(tmp_path / "parts", random.Random(seed).randrange(1, 30), **options)
    ends = [checkpoints.load(tmp_path / name / "checkpoints" / "240") for name in ("whole", "parts")]
    for end in ends:
        del end.state["files"]["timings"]  # the only file with clock times
    assert ends[0].state == ends[1].state
    for file, tensors in ends[0].tensors.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, ends[1].tensors[file][name]), f"{file}: {name}"
    metrics = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "parts")]
    assert metrics[0] == metrics[1]
    pictures = [sorted((tmp_path / name / "samples").iterdir()) for name in ("whole", "parts")]
    assert [path.name for path in pictures[0]] == [path.name for path in pictures[1]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_r5_a_signal_saves_and_says_how_to_go_on(gan, here: Path, number: signal.Signals) -> None:
    command = ["train", "small.yaml", "--set", "train.images=1600", "--set", "train.checkpoint_every=100000"]
    finish(gan(*command, "--out", "whole"))
    process = gan(*command)
    metrics = here / "runs" / "small" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.stat().st_size):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 75
    assert f"gan {' '.join(command)} --resume" in errors
    assert "Traceback" not in errors
    finish(gan(*command, "--resume"))
    ends = [checkpoints.load(path / "checkpoints" / "1600") for path in (here / "whole", here / "runs" / "small")]
    for name, tensor in ends[0].tensors["model"].items():
        assert torch.equal(tensor, ends[1].tensors["model"][name]), name
    assert (here / "whole" / "metrics.jsonl").read_bytes() == metrics.read_bytes()


def finish(process: subprocess.Popen[str]) -> None:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors + output
