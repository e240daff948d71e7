"""Random streams: capture as JSON, restore, and isolation."""

from __future__ import annotations

import base64
import json
import random

import numpy as np
import torch

from gancli.runtime.random import capture, fork_torch_rng, make_generator, restore, seed_everything

CPU = torch.device("cpu")


def sample_streams(generator: torch.Generator) -> list[object]:
    noise = torch.randn(3, generator=generator).tolist()
    return [noise, torch.rand(2).tolist(), random.random(), random.gauss(0, 1), np.random.rand(2).tolist()]


def test_every_stream_goes_through_json() -> None:
    seed_everything(3)
    generator = make_generator(CPU, 3)
    random.gauss(0, 1)  # leaves a second value stored in Python's stream
    sample_streams(generator)
    state = json.loads(json.dumps(capture(generator)))
    expected = [sample_streams(generator) for _ in range(3)]
    other = make_generator(CPU, 99)
    seed_everything(99)
    restore(state, other)
    assert [sample_streams(other) for _ in range(3)] == expected


def test_what_runs_aside_leaves_the_training_alone() -> None:
    seed_everything(0)
    expected = torch.rand(4)
    seed_everything(0)
    with fork_torch_rng(CPU):
        torch.rand(100)
    assert torch.equal(torch.rand(4), expected)


def test_a_stream_of_another_kind_of_device_is_left_as_it_was_seeded() -> None:
    """A run that began on a GPU continues on a CPU; the state of a GPU stream has 16 bytes."""
    stream = make_generator(CPU, 5)
    state = capture(stream)
    state["engine"] = state["cuda"] = base64.b85encode(bytes(16)).decode()
    restore(state, stream)
    assert torch.equal(stream.get_state(), make_generator(CPU, 5).get_state())
