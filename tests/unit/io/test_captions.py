from __future__ import annotations

import numpy as np
import pytest

from gancli.io.captions import MARGIN, add_captions, captioned_grid, render_text, stack_horizontally, stack_vertically
from gancli.io.images import Pixels


def noise(count: int, size: int, channels: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_words_are_black_on_opaque_white(channels: int) -> None:
    ink = render_text("seed 12", channels=channels)
    assert ink.shape[2] == channels
    assert ink[:, :, 0].min() < 64
    assert (ink[0] == 255).all()
    assert channels < 4 or (ink[:, :, 3] == 255).all()


def test_words_beside_each_other_stand_on_one_line() -> None:
    assert len({render_text(words, channels=1).shape[0] for words in ("a", "g", "T", "12", "")}) == 1


def test_letters_that_the_font_lacks_are_replaced() -> None:
    assert np.array_equal(render_text("été", channels=1), render_text("ete", channels=1))
    assert np.array_equal(render_text("猫", channels=1), render_text("?", channels=1))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_caption_is_below_its_image_and_covers_nothing(channels: int) -> None:
    images = noise(2, 50, channels)
    tiles = add_captions(images, ["0", "a caption that is wider than its image"])
    left = (tiles.shape[2] - 50) // 2
    assert left > 0
    assert np.array_equal(tiles[:, :50, left : left + 50], images)
    assert (tiles[:, :50, :left] == 255).all()
    assert tiles[:, 50:].min() < 64


def test_a_captioned_sheet_has_a_name_before_each_row() -> None:
    images = noise(6, 48, 1)
    plain = captioned_grid(images, [str(seed) for seed in range(6)], columns=3)
    named = captioned_grid(images, [str(seed) for seed in range(6)], columns=3, rows=["cat", "dog"])
    left = named.shape[1] - plain.shape[1]
    assert np.array_equal(named[:, left:], plain)
    height = (plain.shape[0] - MARGIN) // 2
    for row in range(2):
        band = named[MARGIN + row * height : MARGIN + row * height + 48, :left]
        assert band.min() < 64


def test_tiles_are_put_together() -> None:
    black, grey = np.zeros((2, 4, 1), dtype=np.uint8), np.full((3, 2, 1), 100, dtype=np.uint8)
    assert stack_vertically([black, grey])[:, :, 0].tolist() == [[0] * 4] * 2 + [[255, 100, 100, 255]] * 3
    assert stack_horizontally([black, grey])[:, :, 0].tolist() == [[255] * 4 + [100] * 2] + [[0] * 4 + [100] * 2] * 2
