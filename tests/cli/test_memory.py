"""Sizes that do not fit into memory: one sentence that names the option, before an allocation or after its refusal."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from gancli.errors import is_out_of_memory
from gancli.runtime import memory

SMALL = ("--set", "train.images=64", "--set", "data.limit=64")


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten megabytes are free."""
    monkeypatch.setattr(memory, "free", lambda device: 10_000_000)


def refused(result, *words: str) -> None:
    assert result.code == 2, result.err
    assert len(result.err.splitlines()) == 1
    assert "internal error" not in result.err
    for word in words:
        assert word in result.err


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_networks_and_batches_are_refused_before_they_are_allocated(
    gan, tmp_path: Path, little_memory: None, dry: tuple[str, ...]
) -> None:
    wide = gan("train", "gan", *SMALL, "--set", "model.generator_widths=[4000, 4000]", *dry)
    refused(wide, "parameters", "of memory are free", "lower model.generator_widths=4000")
    batch = gan("train", "gan", *SMALL, "--set", "train.batch_size=100000", *dry)
    refused(batch, "batches of 100,000 images of 1x28x28 take at least 0.6 GB", "lower train.batch_size")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("option", ["model.generator_widths=[1000000, 1000000]", "train.batch_size=1000000000"])
def test_sizes_beyond_any_machine(gan, tmp_path: Path, option: str) -> None:
    refused(gan("train", "gan", *SMALL, "--set", option), "of memory are free", option.partition("=")[0])
    assert not (tmp_path / "runs").exists()


def test_counts_are_refused_before_anything_is_drawn(gan, tmp_path: Path) -> None:
    assert gan("train", "gan", *SMALL).code == 0
    refused(gan("sample", "--count", "2000000000"), "2,000,000,000 images of 1x28x28 take at least", "lower --count")
    refused(gan("interpolate", "--frames", "2000000000"), "2,000,000,000 images of 1x28x28", "lower --frames")


REFUSALS = {
    "torch": lambda: torch.empty(2**60, dtype=torch.uint8),
    "torch, overflow": lambda: torch.empty(2**62, 2**62),
    "torch, more than a word": lambda: torch.empty(2**70),
    "numpy": lambda: np.empty(2**60, dtype=np.uint8),
    "numpy, too big": lambda: np.empty((2**40, 2**40), dtype=np.uint8),
    "python": lambda: bytearray(2**60),
}


@pytest.mark.parametrize("place", REFUSALS)
def test_every_refusal_of_an_allocation_is_recognised(place: str) -> None:
    with pytest.raises((MemoryError, RuntimeError, ValueError, TypeError, OverflowError)) as caught:
        REFUSALS[place]()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("3"), KeyError("out of memory")])
def test_other_errors_are_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_a_refusal_during_a_command_is_one_sentence(gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr("gancli.training.trainer.Trainer.step", refuse)
    result = gan("train", "gan", *SMALL)
    refused(result, "error: the memory is not enough for this; lower train.batch_size, raise train.accumulate")
    assert not os.path.exists(tmp_path / "runs")


BATCHES = {
    "one image": ("train.batch_size=1", "a batch of 1 is too small for gan, which needs 2 images at once"),
    "micro-batches of one": (
        "train.accumulate=64",
        "a batch of 64 in 64 micro-batches is too small for gan, which needs 2 images at once for its batch "
        "statistics; raise train.batch_size or lower train.accumulate",
    ),
}


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize("kind", BATCHES)
def test_batches_that_are_too_small_are_refused(gan, tmp_path: Path, kind: str, dry: tuple[str, ...]) -> None:
    option, said = BATCHES[kind]
    batch = () if "batch_size" in option else ("--set", "train.batch_size=64")
    norm = ("--set", "model.batch_norm=true")
    refused(gan("train", "gan", *SMALL, *batch, "--set", option, *norm, *dry), said)
    assert not (tmp_path / "runs").exists()


def test_batches_of_one_are_right_where_no_statistics_are_needed(gan, tmp_path: Path) -> None:
    options = ("--set", "train.batch_size=1", "--set", "model.batch_norm=false", "--set", "train.images=4")
    assert gan("train", "gan", "--set", "data.limit=64", *options).code == 0
    assert (tmp_path / "runs" / "gan" / "checkpoints" / "4").is_dir()
