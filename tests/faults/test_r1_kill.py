"""R1: kill -9 loses no saved checkpoint."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path

import pytest
import torch

from gancli.runs import checkpoint as checkpoints

IMAGES = 3_200


def finish(process: subprocess.Popen[str]) -> None:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors + output


def assert_same_end(first: Path, second: Path) -> None:
    """Assert that two runs ended bit-identical, including their metrics."""
    ends = [checkpoints.newest_valid(run / "checkpoints")[0] for run in (first, second)]
    assert ends[0].images == ends[1].images >= IMAGES
    assert ends[0].state["random"] == ends[1].state["random"]
    for file, tensors in ends[0].tensors.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, ends[1].tensors[file][name]), f"{file}: {name}"
    assert (first / "metrics.jsonl").read_bytes() == (second / "metrics.jsonl").read_bytes()


def kill_and_resume(gan, here: Path, *, kills: int, seed: int) -> int:
    """Kill a run repeatedly, each time after some progress. Return the number of kills."""
    random_ = random.Random(seed)
    folder = here / "runs" / "small" / "checkpoints"
    killed = 0
    arguments = ["train", "small.yaml"]
    while killed < kills:
        before = checkpoints.complete(folder)[0].name if folder.exists() and checkpoints.complete(folder) else "0"
        process = gan(*arguments)
        deadline = time.monotonic() + 60
        while not any(int(path.name) > int(before) for path in checkpoints.complete(folder)):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        time.sleep(random_.uniform(0, 0.05))
        process.kill()
        process.communicate()
        killed += 1
        newest, faults = checkpoints.newest_valid(folder)
        assert faults == []
        assert newest.images > int(before)
        arguments = ["train", "small.yaml", "--resume"]
    finish(gan(*arguments))
    return killed


@pytest.mark.parametrize("seed", [0, 1])
def test_r1_ten_kills_at_random_times_while_saving_every_step(gan, here: Path, seed: int) -> None:
    finish(gan("train", "small.yaml", "--out", "whole"))
    assert kill_and_resume(gan, here, kills=10, seed=seed) == 10
    assert_same_end(here / "whole", here / "runs" / "small")


OTHERS = {
    "dcgan": "family: dcgan\ndata: {source: mnist, root: data, resolution: 16}\nmodel: {channels: 4, latent_dim: 8}\n",
    "pggan": "family: pggan\ndata: {source: mnist, root: data, resolution: 16}\n"
    "model: {latent_dim: 8, channels_base: 32, channels_max: 8, stable_images: 400, fade_images: 400}\n",
    "wgan-gp": "family: wgan-gp\ndata: {source: mnist, root: data, resolution: 16}\n"
    "model: {channels: 4, latent_dim: 8, critic_steps: 2}\n",
}
"""Recipes of other families; `train:` is that of `small.yaml`."""


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 17))
def test_r1_three_hundred_kills(gan, here: Path, seed: int, injected) -> None:
    """Fifteen runs of four families, each killed twenty times."""
    family = ("gan", *OTHERS)[seed % 4]
    if family != "gan":
        (train,) = (line for line in Path("small.yaml").read_text().splitlines() if line.startswith("train:"))
        Path("small.yaml").write_text(f"{OTHERS[family]}{train}\n")
    finish(gan("train", "small.yaml", "--out", "whole"))
    assert kill_and_resume(gan, here, kills=20, seed=seed) == 20
    assert_same_end(here / "whole", here / "runs" / "small")
    injected(20)


KILL_AT = """
import os, pathlib, shutil, signal
left = {count}
def killing(function):
    def call(*arguments, **options):
        global left
        if '/checkpoints' in str(pathlib.Path(os.readlink(f'/proc/self/fd/{{arguments[0]}}')
                                 if isinstance(arguments[0], int) else arguments[0])):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
os.fsync = killing(os.fsync)
os.rename = killing(os.rename)
pathlib.Path.rename = killing(pathlib.Path.rename)
shutil.rmtree = killing(shutil.rmtree)
"""


@pytest.mark.parametrize("point", range(26, 36))
def test_r1_killed_at_every_point_of_a_save(gan, here: Path, point: int) -> None:
    """Kill at each sync, rename and removal of the fourth save and its pruning."""
    process = gan("train", "small.yaml", "--set", "train.images=80", prelude=KILL_AT.format(count=point))
    process.communicate(timeout=60)
    assert process.returncode == -9
    newest, faults = checkpoints.newest_valid(here / "runs" / "small" / "checkpoints")
    assert faults == []
    assert newest.images in (16, 24, 32, 40)
    lines = (here / "runs" / "small" / "metrics.jsonl").read_text().splitlines()
    assert all(json.loads(line) for line in lines)
