"""R2 and R3: a run stopped at any step and resumed is bit-identical to an uninterrupted one, on a CPU and on a GPU.

The conformance suite stops every family once; the long tier stops each after every step, inside epochs, repetitions
and fades.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from gancli.data.sources.synthetic import BATCH_SIZE, synthetic
from gancli.plugins.registry import registry
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint
from gancli.runs.run import Run
from gancli.testing.contract import FamilyContract
from gancli.testing.fixture import FamilyFixture
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer


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


STEPS = 30


def stopped_and_resumed(fixture: FamilyFixture, folder: Path, stops: Iterable[int], device: str, stop_at) -> list[int]:
    """Return the stops, in steps, after which a resumed run ends differently from an uninterrupted one."""

    def trainer(name: str) -> Trainer:
        run = Run(folder / name)
        run.begin({}, "")
        recipe = fixture.recipe(images=STEPS * BATCH_SIZE, ema=0.9, deterministic=True, seed=1, checkpoint_every=10**6)
        packed = synthetic(fixture.data, keys=fixture.info.batch)
        return Trainer(build_training(recipe, run, packed, device=torch.device(device)))

    whole = trainer("whole")
    whole.train()
    expected = whole.state_dict()
    different = []
    for stop in stops:
        first = trainer(str(stop))
        first.train(stop_at(first, min(stop, whole.state.step - 1)))
        second = trainer(str(stop))
        second.resume()
        second.train()
        if not same(expected, second.state_dict()):
            different.append(stop)
    return different


def same(first: Checkpoint, second: Checkpoint) -> bool:
    for state in (first.state, second.state):
        state["files"].pop("timings", None)  # the only file with clock times
    return (
        first.state == second.state
        and first.tensors.keys() == second.tensors.keys()
        and all(
            torch.equal(tensor, second.tensors[file][name])
            for file, tensors in first.tensors.items()
            for name, tensor in tensors.items()
        )
    )


@pytest.mark.long
@pytest.mark.parametrize("family", sorted(registry().families()))
def test_r2_every_family_stopped_after_every_step(tmp_path: Path, small_family, family: str, injected, stop_at) -> None:
    stops = range(1, STEPS)
    assert stopped_and_resumed(small_family(family), tmp_path, stops, "cpu", stop_at) == []
    injected(len(stops))


@pytest.mark.long
@pytest.mark.parametrize("family", sorted(registry().families()))
def test_r3_every_family_on_one_gpu(tmp_path: Path, small_family, family: str, injected, stop_at) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    stops = random.Random(family).sample(range(1, STEPS), 10)
    assert stopped_and_resumed(small_family(family), tmp_path, stops, "cuda", stop_at) == []
    injected(len(stops))


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
