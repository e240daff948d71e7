"""Encoding of images within a number of bytes."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.io.images import encode_png
from gancli.report.images import EncodedImage, encode_file, encode_image

NOISE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)


def decoded(encoded: EncodedImage) -> tuple[str, np.ndarray, int]:
    kind, _, content = encoded.uri.partition(";base64,")
    data = base64.b64decode(content)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (encoded.width, encoded.height)
        return kind, np.asarray(image), len(data)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_small_enough_is_exact(channels: int) -> None:
    pixels = np.full((8, 12, channels), 77, dtype=np.uint8)
    kind, decoded_pixels, _ = decoded(encode_image(pixels, max_bytes=10_000))
    assert kind == "data:image/png"
    assert np.array_equal(decoded_pixels.reshape(pixels.shape), pixels)


@pytest.mark.parametrize("max_bytes", [60_000, 20_000, 3_000, 300])
def test_noise_is_brought_below_any_limit(max_bytes: int) -> None:
    encoded = encode_image(NOISE, max_bytes=max_bytes)
    kind, _, size = decoded(encoded)
    assert kind == "data:image/webp"
    assert size <= max_bytes
    assert not encoded.lossless
    assert abs(encoded.width * 2 - encoded.height * 3) <= 3  # the aspect ratio is kept


def test_a_file_is_taken_as_it_is_or_made_smaller(tmp_path: Path) -> None:
    content = encode_png(NOISE, metadata={"seed": 1})
    (tmp_path / "a.png").write_bytes(content)
    whole = encode_file(tmp_path / "a.png", max_bytes=len(content))
    assert whole.lossless
    assert whole.uri.endswith(base64.b64encode(content).decode())
    assert decoded(encode_file(tmp_path / "a.png", max_bytes=9_000))[2] <= 9_000


@pytest.mark.parametrize("content", [b"", b"no image", encode_png(NOISE, metadata={})[:5_000]])
def test_a_file_that_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(OSError, match=r"cannot|truncated"):
        encode_file(tmp_path / "a.png", max_bytes=1_000_000)
