"""Sandbox for weight files of other programs: they are loaded in a separate, restricted process, never in this one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gancli.errors import DataError
from gancli.weights.safetensors_file import Tensors, read_tensors

MAX_BYTES = 4 * 2**30
"""Maximum file size; published generators have a hundredth of it."""

SECONDS = 120
"""Time limit for loading a file; increases by the same amount for every gigabyte."""

_CHILD = Path(__file__).with_name("sandbox_child.py")

_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")

_MAX_TEXT = 120  # characters of the child's error in a message


def read_foreign(path: Path) -> Tensors:
    """Read the tensors of a `.pth`, `.pt` or `.safetensors` file; keys of nested dictionaries are joined by dots.

    No code in the file is executed: safetensors files contain none, and others are loaded by `sandbox_child.py`.

    Raises:
        DataError: the file does not exist, is too large, contains no tensors, would run code, or takes too long.
    """
    if not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"{path} {problem}; name a file of weights, such as generator.pth")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DataError(f"{path} is refused: {size / 1e9:.1f} GB is more than any weight file of a GAN")
    if path.suffix == ".safetensors":
        return read_tensors(path)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "weights.safetensors"
        _run_child(path, target, size=size)
        return read_tensors(target)


def _run_child(path: Path, target: Path, *, size: int) -> None:
    limit = 2 * size + 2**20  # networks may share tensors, which a file contains once
    program = [sys.executable, "-IB", str(_CHILD), str(target), str(limit)]
    environment = {"PATH": os.defpath, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    output = target.with_name("output.json")
    try:
        with open(path, "rb") as file, open(output, "wb") as stdout:
            ended = subprocess.run(
                program,
                stdin=file,
                stdout=stdout,
                stderr=subprocess.DEVNULL,
                cwd=target.parent,
                env=environment,
                timeout=SECONDS * (1 + size / 2**30),
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise DataError(f"{path} is refused: it takes too long to load") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    result = _read_result(output)
    if ended.returncode or result is None:
        raise DataError(f"{path} is refused: loading it exceeded the memory or time limit, or crashed")
    if result:
        raise DataError(f"{path} is refused: {_reason(result)}")


def _read_result(path: Path) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            result = json.loads(file.read(2**16))
    except ValueError:
        return None
    return result if isinstance(result, dict) else None


def _reason(result: dict[str, Any]) -> str:
    """Return the child's error as a clause of printable characters."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(result.get("error", "")))
    if code := _GLOBAL.search(text):
        return f"loading it would run {code[1][:_MAX_TEXT]}, but weights need no code; ask for a plain state dict"
    if result.get("kind") in ("ValueError", "MemoryError"):
        return (text[:_MAX_TEXT] or "loading it exceeded the memory limit") + "; ask for a plain state dict"
    return "it is damaged, or not a state dict saved by PyTorch; save one with `torch.save(model.state_dict(), path)`"
