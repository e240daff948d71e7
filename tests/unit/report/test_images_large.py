"""A report of sheets of any size is made in bounded time: large ones are reduced first, and fewer are decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.report import images
from gancli.report.images import encode_file, preview_section


def sheet(path: Path, side: int) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, compress_level=0)
    return path


def test_a_large_sheet_is_reduced_before_it_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 10_000)
    encoded = encode_file(sheet(tmp_path / "a.png", 450), max_bytes=100_000)
    assert (encoded.width, encoded.height) == (90, 90)  # 450 * 450 / 25
    assert not encoded.lossless
    small = encode_file(sheet(tmp_path / "b.png", 100), max_bytes=100_000)
    assert (small.width, small.height, small.lossless) == (100, 100, True)


@pytest.mark.parametrize(("side", "shown"), [(10, 24), (100, 10), (1_000, 3)])
def test_of_larger_sheets_fewer_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int, shown: int
) -> None:
    monkeypatch.setattr(images, "MAX_DECODED_PIXELS", 100_000)
    first = sheet(tmp_path / "a.png", side)
    section = preview_section(dict.fromkeys(range(40), first), subject="digits")
    assert len(section.figures) == shown
    assert f"Shows {shown} of 40 previews" in section.note


def test_a_header_that_claims_much_is_only_a_claim(tmp_path: Path) -> None:
    content = bytearray(sheet(tmp_path / "a.png", 10).read_bytes())
    content[16:24] = b"\xff" * 8
    (tmp_path / "b.png").write_bytes(content)
    section = preview_section({8: tmp_path / "a.png", 16: tmp_path / "b.png"}, subject="digits")
    assert [figure.caption for figure in section.figures] == ["8 images"]
    assert "b.png cannot be read" in section.note
