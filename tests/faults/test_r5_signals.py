"""R5: a signal in any phase of a run is saved, or leaves nothing half done; a second one aborts at once."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from gancli.data.sources.synthetic import BATCH_SIZE
from gancli.runs import checkpoint as checkpoints
from gancli.testing.contract import FamilyContract
from gancli.training.signals import SIGNALS, GracefulStop, InterruptedMeasurementError, aborted_by_signals
from gancli.training.trainer import Trainer

PLAIN = signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP


class Perceptrons(FamilyContract):
    family = "gan"
    model = {"generator_widths": [16], "discriminator_widths": [16], "batch_norm": True, "dropout": 0.3}


OPTIONS = {"images": 20 * BATCH_SIZE, "ema": 0.9, "checkpoint_every": 10**6, "log_every": 3 * BATCH_SIZE}


def same(first: Path, second: Path) -> bool:
    ends = [checkpoints.newest_valid(run / "checkpoints")[0] for run in (first, second)]
    return ends[0].state["random"] == ends[1].state["random"] and all(
        torch.equal(tensor, ends[1].tensors[file][name])
        for file, tensors in ends[0].tensors.items()
        for name, tensor in tensors.items()
    )


def at_step(trainer: Trainer, step: int, number: signal.Signals) -> None:
    """Send a signal to this process in the middle of a step."""
    real = trainer._take_turn

    def take_turn(*arguments: object) -> None:
        if trainer.state.step == step:
            trainer._take_turn = real  # type: ignore[method-assign]
            os.kill(os.getpid(), number)
        real(*arguments)  # type: ignore[arg-type]

    trainer._take_turn = take_turn  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    Perceptrons().trainer(folder, **OPTIONS).train()
    return folder


@pytest.mark.parametrize("number", PLAIN)
@pytest.mark.parametrize("step", [0, 1, 4, 9, 12, 17, 19])
def test_r5_a_signal_during_a_step_is_saved_after_it(
    tmp_path: Path, whole: Path, step: int, number: signal.Signals
) -> None:
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    at_step(trainer, step, number)
    with GracefulStop() as stop:
        assert trainer.train(stop) is False
    assert stop.signal == number
    assert checkpoints.newest_valid(tmp_path / "checkpoints")[0].manifest["step"] == step + 1
    resumed = Perceptrons().trainer(tmp_path, **OPTIONS)
    resumed.resume()
    assert resumed.train() is True
    assert same(tmp_path, whole)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("number", PLAIN)
def test_r5_a_second_signal_aborts_at_once(tmp_path: Path, number: signal.Signals) -> None:
    trainer = Perceptrons().trainer(tmp_path, **OPTIONS)
    at_step(trainer, 5, number)

    def again(*_: object) -> None:
        os.kill(os.getpid(), number)

    trainer.save = again  # type: ignore[method-assign]
    with GracefulStop() as stop, pytest.raises(KeyboardInterrupt):
        trainer.train(stop)
    assert checkpoints.complete(tmp_path / "checkpoints") == []


def test_r5_what_was_ignored_stays_ignored_and_handlers_come_back() -> None:
    """As under `nohup`, which ignores SIGHUP before it starts a program."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with GracefulStop() as stop, aborted_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


def test_r5_a_signal_ends_a_long_measurement() -> None:
    with GracefulStop() as stop:
        with pytest.raises(InterruptedMeasurementError), stop.interrupting():
            kill_and_wait(signal.SIGTERM)
        assert stop.requested
        with pytest.raises(InterruptedMeasurementError), stop.interrupting():
            pass
        with pytest.raises(KeyboardInterrupt):
            kill_and_wait(signal.SIGTERM)


def kill_and_wait(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_r5_outside_of_training_a_signal_aborts_and_cleans_up(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), aborted_by_signals():
        kill_and_wait(number)


SLOW = """
import os, signal, time
import gancli.data.{module} as module
real = module.{function}
def slow(*arguments, **options):
    print("READY", flush=True)
    time.sleep(30)
    return real(*arguments, **options)
module.{function} = slow
"""

PHASES = {
    "reading": ("dataset", "open_dataset"),
    "reducing": ("resolutions", "build_levels"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_r5_a_signal_before_training_leaves_nothing(gan, here: Path, phase: str) -> None:
    module, function = PHASES[phase]
    process = gan("train", "small.yaml", prelude=SLOW.format(module=module, function=function))
    assert process.stdout.readline() == "READY\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "error: aborted\n"
    assert not list((here / "runs").glob("*")) if (here / "runs").exists() else True


SLOW_REPORT = """
import time
import gancli.report.page as page
def slow(*arguments, **options):
    print("READY", flush=True)
    time.sleep(30)
page.render_report = slow
"""


def test_r5_a_signal_during_the_report_says_that_the_run_is_saved(gan, here: Path) -> None:
    process = gan("train", "small.yaml", "--set", "train.images=80", prelude=SLOW_REPORT)
    for line in process.stdout:
        if line == "READY\n":
            break
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 75
    assert "runs/small is trained and saved, but its report was interrupted" in errors
    assert "gan report runs/small" in errors
    assert checkpoints.newest_valid(here / "runs" / "small" / "checkpoints")[0].images == 80


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_r5_two_hundred_signals_at_random_times(gan, here: Path, seed: int, injected) -> None:
    """From the start of the process to its end, in a run that measures and writes a report."""
    options = ["--set", "train.images=640", "--set", "eval.every=160", "--set", "eval.metrics=[swd]"]
    options += ["--set", "eval.samples=64", "--set", "train.checkpoint_every=1000"]
    whole = gan("train", "small.yaml", "--out", "whole", *options)
    _, errors = whole.communicate(timeout=120)
    assert whole.returncode == 0, errors
    random_ = random.Random(seed)
    sent, number = 0, 0
    while sent < 10:
        number += 1
        out = here / "runs" / str(number)
        ended = False
        while not ended:
            resume = ["--resume"] if (out / "manifest.json").is_file() else []
            process = gan("train", "small.yaml", "--out", str(out), *options, *resume)
            time.sleep(random_.uniform(0.2, 6))
            if process.poll() is None and sent < 10:
                process.send_signal(random_.choice(PLAIN))
                started = time.monotonic()
                sent += 1
                _, errors = process.communicate(timeout=60)
                assert time.monotonic() - started < 20
            else:
                _, errors = process.communicate(timeout=120)
            assert process.returncode in (0, 75, 130, -1, -2, -10, -15), errors  # negative: before Python runs
            assert "Traceback" not in errors or process.returncode < 0, errors
            folder = out / "checkpoints"
            if process.returncode == 75:
                assert checkpoints.newest_valid(folder)[1] == []
            if process.returncode == 130 and not resume:
                assert not (out / "manifest.json").exists() or checkpoints.complete(folder)
            ended = process.returncode == 0
        assert same(out, here / "whole")
        assert (out / "metrics.jsonl").read_bytes() == (here / "whole" / "metrics.jsonl").read_bytes()
    injected(sent)
