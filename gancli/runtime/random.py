"""Every random stream of a run, captured and put back.

The engine's own stream feeds the losses through their context. Layers that draw for themselves (dropout) use torch's
global stream, and code outside torch may use those of Python and NumPy, so all of them are saved.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Starts every global stream."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def make_generator(device: torch.device, seed: int) -> torch.Generator:
    """A stream of its own on a device."""
    return torch.Generator(device).manual_seed(seed)


def capture(generator: torch.Generator) -> dict[str, Any]:
    """The state of every stream, as plain JSON values."""
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "engine": _text(generator.get_state()),
        "torch": _text(torch.get_rng_state()),
        "python": [version, list(words), gauss],
        "numpy": [str(name), [int(key) for key in keys], *rest],
    }
    if generator.device.type == "cuda":
        state["cuda"] = _text(torch.cuda.get_rng_state(generator.device))
    if generator.device.type == "mps":
        state["mps"] = _text(torch.mps.get_rng_state())
    return state


def restore(state: dict[str, Any], generator: torch.Generator) -> None:
    """Puts every stream back. A stream of another kind of device is left as it was seeded."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(_tensor(state["torch"]))
    device = generator.device.type
    if device == next((kind for kind in ("cuda", "mps") if kind in state), "cpu"):
        generator.set_state(_tensor(state["engine"]))
    if device == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(_tensor(state["cuda"]), generator.device)
    if device == "mps" and "mps" in state:
        torch.mps.set_rng_state(_tensor(state["mps"]))


@contextmanager
def fork_all_rng(generator: torch.Generator) -> Iterator[None]:
    """Runs something that may draw from any stream, whoever wrote it, and puts all of them back."""
    state = capture(generator)
    try:
        yield
    finally:
        restore(state, generator)


@contextmanager
def fork_torch_rng(device: torch.device) -> Iterator[None]:
    """Runs something that may draw from torch's global streams without disturbing the training's."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _text(state: torch.Tensor) -> str:
    return base64.b85encode(state.numpy().tobytes()).decode()


def _tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b85decode(text)), dtype=torch.uint8)
