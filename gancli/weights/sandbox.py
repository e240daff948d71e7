"""Weights that other programs saved: read in a process of their own, and never trusted."""

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
"""Largest file that is opened; published generators have a hundredth of it."""

SECONDS = 120
"""Longest time that opening a file may take, and as much again for every gigabyte."""

_CHILD = Path(__file__).with_name("sandbox_child.py")

_WANTED = re.compile(r"GLOBAL ([\w.]+)")

_LONGEST = 120


def read_foreign(path: Path) -> Tensors:
    """The tensors of a `.pth`, `.pt` or `.safetensors` file by name; keys of inner dictionaries are joined by dots.

    Nothing in the file is executed: safetensors files hold no code, and any other is opened by `foreign_child`.

    Raises:
        DataError: there is no such file, it is too large, holds no tensors, would run code, or takes too long.
    """
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}; name a file of weights, such as generator.pth")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DataError(f"{path} is refused: {size / 1e9:.1f} GB are more than any file of weights of a GAN")
    if path.suffix == ".safetensors":
        return read_tensors(path)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "weights.safetensors"
        _open_apart(path, target, size=size)
        return read_tensors(target)


def _open_apart(path: Path, target: Path, *, size: int) -> None:
    limit = 2 * size + 2**20  # networks may share tensors, which a file holds once
    program = [sys.executable, "-IB", str(_CHILD), str(target), str(limit)]
    scrubbed = {"PATH": os.defpath, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    said = target.with_name("answer.json")
    try:
        with open(path, "rb") as file, open(said, "wb") as output:
            ended = subprocess.run(
                program,
                stdin=file,
                stdout=output,
                stderr=subprocess.DEVNULL,
                cwd=target.parent,
                env=scrubbed,
                timeout=SECONDS * (1 + size / 2**30),
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise DataError(f"{path} is refused: it takes too long to open") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    answer = _answer(said)
    if ended.returncode or answer is None:
        raise DataError(f"{path} is refused: opening it took more memory or time than it is due, or broke the reader")
    if answer:
        raise DataError(f"{path} is refused: {_reason(answer)}")


def _answer(path: Path) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            answer = json.loads(file.read(2**16))
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _reason(answer: dict[str, Any]) -> str:
    """Why the child gave up, in a clause of plain characters."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(answer.get("error", "")))
    wanted = _WANTED.search(text)
    if wanted:
        return f"it wants {wanted[1][:_LONGEST]} while it is read, and weights need no code; ask for a plain state dict"
    if answer.get("kind") in ("ValueError", "MemoryError"):
        return (text[:_LONGEST] or "it takes more memory than it is due") + "; ask for a plain state dict"
    return "it is damaged, or no state dict that PyTorch saved; convert what `torch.save(model.state_dict())` wrote"
