from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gancli.io.resize import crop_box, resize_image, resize_stack

SIDE = st.integers(1, 40)


@given(size=st.tuples(SIDE, SIDE), target=st.tuples(SIDE, SIDE))
def test_the_crop_is_centred_inside_and_of_the_targets_shape(size: tuple[int, int], target: tuple[int, int]) -> None:
    left, top, right, bottom = crop_box(size, target, "crop")
    assert 0 <= left < right <= size[1] + 1e-9
    assert 0 <= top < bottom <= size[0] + 1e-9
    assert left + right == pytest.approx(size[1])
    assert top + bottom == pytest.approx(size[0])
    assert (bottom - top) / (right - left) == pytest.approx(target[0] / target[1])
    assert right - left == pytest.approx(size[1]) or bottom - top == pytest.approx(size[0])


def test_crop_and_stretch() -> None:
    stripes = np.zeros((1, 1, 4, 12), dtype=np.uint8)
    stripes[..., 4:8] = 200  # the middle third
    assert (resize_stack(stripes, (4, 4), "crop") == 200).all()
    assert resize_stack(stripes, (4, 4), "stretch")[0, 0, 0, 0] < 30
    image = Image.fromarray(stripes[0, 0])
    assert (np.asarray(resize_image(image, (4, 4), "crop")) == 200).all()


@pytest.mark.parametrize("target", [(4, 4), (3, 4), (32, 32), (9, 40), (8, 12)])
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_stacks_agree_with_pillow(noise: np.ndarray, target: tuple[int, int], fit: str) -> None:
    stack = resize_stack(noise, target, fit)
    assert stack.shape == (40, 3, *target)
    for image, resized in zip(noise[:5], stack, strict=False):
        reference = resize_image(Image.fromarray(image.transpose(1, 2, 0)), target, fit)
        assert abs(np.asarray(reference).transpose(2, 0, 1).astype(int) - resized).max() <= 1


def test_blocks_do_not_show(noise: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resize_stack(noise, (9, 9), "crop")
    monkeypatch.setattr("gancli.io.resize._BLOCK", 1000)
    assert np.array_equal(resize_stack(noise, (9, 9), "crop"), whole)
