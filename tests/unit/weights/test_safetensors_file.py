"""Headers of safetensors files are checked before the file is read."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gancli.errors import DataError
from gancli.weights.safetensors_file import read_tensors


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3.0)}, tmp_path / "a.safetensors")
    assert torch.equal(read_tensors(tmp_path / "a.safetensors")["a"], torch.arange(3.0))


@pytest.mark.parametrize("header", [b"3", b"[1]", b'"text"', b"null", b"true"])
def test_a_header_is_an_object(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(DataError, match="its header is not an object"):
        read_tensors(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="it is not a regular file"):
        read_tensors(tmp_path / "a.safetensors")
