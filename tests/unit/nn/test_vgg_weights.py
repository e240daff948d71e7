"""Weights files: search, download and verification."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gancli.errors import DataError
from gancli.nn import vgg
from gancli.nn.vgg import VGG19, find_weights, read_weights

TENSORS = {"features.0.weight": torch.arange(6.0).view(2, 3)}


def named(path: Path) -> Path:
    """Return the file renamed to contain its SHA-256."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"{path.stem}-{digest[:8]}{path.suffix}"))


def written(folder: Path, content: Any = TENSORS, suffix: str = ".pth") -> Path:
    path = folder / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(content, path)
    else:
        save_file(content, path)
    return named(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_ones_own(tmp_path: Path, suffix: str) -> None:
    found = read_weights(written(tmp_path, suffix=suffix))
    assert list(found) == list(TENSORS)
    assert torch.equal(found["features.0.weight"], TENSORS["features.0.weight"])


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert find_weights(path) == path
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"damaged or another file"):
        find_weights(path)


def test_a_name_that_says_nothing(tmp_path: Path) -> None:
    path = written(tmp_path).rename(tmp_path / "vgg19.pth")
    with pytest.raises(DataError, match=r"vgg19\.pth does not contain its SHA-256; rename it"):
        find_weights(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not exist; .*features_file"):
        find_weights(tmp_path / VGG19.file)


class Canary:
    """Creates a folder if its pickle is executed."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._trace),)


def test_nothing_is_executed(tmp_path: Path) -> None:
    path = written(tmp_path, {"features.0.weight": Canary(tmp_path / "trace")})
    with pytest.raises(DataError, match=r"loading it would run .*mkdir"):
        read_weights(path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("content", [{"a": 1}, [torch.zeros(1)]])
def test_something_else_than_tensors(tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError, match="state dict"):
        read_weights(written(tmp_path, content))


def test_a_truncated_file(tmp_path: Path) -> None:
    whole = written(tmp_path)
    (tmp_path / "half.pth").write_bytes(whole.read_bytes()[:100])
    with pytest.raises(DataError, match="is refused: it is damaged"):
        read_weights(named(tmp_path / "half.pth"))


def test_eight_digits_of_vgg19s_name_are_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that matches eight digits, as a forged one can, but not the others."""
    path = written(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    forged = replace(VGG19, file=path.name, sha256=digest[:8] + 56 * "0")
    monkeypatch.setattr(vgg, "VGG19", forged)
    with pytest.raises(DataError, match=r"damaged, or another file.* VGG-19"):
        find_weights(path)
    monkeypatch.setattr(vgg, "VGG19", replace(forged, sha256=digest))
    assert find_weights(path) == path


def test_without_a_network_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    with pytest.raises(DataError, match=r"vgg19-dcbb9e9d\.pth, 575 MB, .*put it into .*features_file"):
        find_weights(None)
