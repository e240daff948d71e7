"""Random streams of a run: seeding, capture and restore.

Losses use the engine's stream through their context. Layers with randomness of their own (dropout) use torch's global
stream, and code outside torch may use those of Python and NumPy, so all of them are saved.
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
    """Seed the global streams of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def make_generator(device: torch.device, seed: int) -> torch.Generator:
    """Return a new, seeded random stream on a device."""
    return torch.Generator(device).manual_seed(seed)


def capture(generator: torch.Generator) -> dict[str, Any]:
    """Return the state of every stream as JSON values."""
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "engine": _encode(generator.get_state()),
        "torch": _encode(torch.get_rng_state()),
        "python": [version, list(words), gauss],
        "numpy": [str(name), [int(key) for key in keys], *rest],
    }
    if generator.device.type == "cuda":
        state["cuda"] = _encode(torch.cuda.get_rng_state(generator.device))
    if generator.device.type == "mps":
        state["mps"] = _encode(torch.mps.get_rng_state())
    return state


def restore(state: dict[str, Any], generator: torch.Generator) -> None:
    """Restore every stream. Streams of another kind of device than the captured one keep their seed."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(_decode(state["torch"]))
    device = generator.device.type
    if device == next((kind for kind in ("cuda", "mps") if kind in state), "cpu"):
        generator.set_state(_decode(state["engine"]))
    if device == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(_decode(state["cuda"]), generator.device)
    if device == "mps" and "mps" in state:
        torch.mps.set_rng_state(_decode(state["mps"]))


@contextmanager
def fork_all_rng(generator: torch.Generator) -> Iterator[None]:
    """Restore all random streams at the end of the block."""
    state = capture(generator)
    try:
        yield
    finally:
        restore(state, generator)


@contextmanager
def fork_torch_rng(device: torch.device) -> Iterator[None]:
    """Restore torch's global random streams at the end of the block."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _encode(state: torch.Tensor) -> str:
    return base64.b85encode(state.numpy().tobytes()).decode()


def _decode(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b85decode(text)), dtype=torch.uint8)
