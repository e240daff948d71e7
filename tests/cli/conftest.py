"""Small trained runs, as commands that draw need them."""

from __future__ import annotations

from pathlib import Path

import pytest

FEW = ["--set", "train.images=64", "--device", "cpu"]


@pytest.fixture
def unconditional(gan, tmp_path: Path) -> Path:
    """`runs/gan`: digits of 8x8 pixels, without labels."""
    small = ["--set", "data.resolution=8", "--set", "model.generator_widths=[16]"]
    ended = gan("train", "gan", *FEW, *small)
    assert ended.code == 0, ended.err
    return tmp_path / "runs" / "gan"


@pytest.fixture
def conditional(gan, tmp_path: Path) -> Path:
    """`runs/digits`: digits of 16x16 pixels, with labels 0 to 9."""
    (tmp_path / "digits.yaml").write_text(
        "family: cgan\ndata: {source: digits, resolution: 16}\nmodel: {channels: 4}\ntrain: {images: 64}\n"
    )
    ended = gan("train", "digits.yaml", *FEW)
    assert ended.code == 0, ended.err
    return tmp_path / "runs" / "digits"
