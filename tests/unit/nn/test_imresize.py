"""Bicubic resizing compared with its definition and with the output of MATLAB."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from gancli.nn.imresize import Border, degrade, imresize
from gancli.runtime.private_torch import FakeTensorMode

Line = npt.NDArray[np.float64]

SCALES = [Fraction(4), Fraction(3), Fraction(3, 2), Fraction(7, 10), Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)]


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def keys(x: float) -> float:
    """Return the kernel of Keys 1981 with a = -1/2."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def plain(line: Line, wanted: int, scale: float, border: Border) -> Line:
    """Resize one line of pixels, pixel by pixel."""
    side, widened, out = len(line), min(scale, 1.0), np.zeros(wanted)
    for pixel in range(wanted):
        centre, total, weights = (pixel + 0.5) / scale - 0.5, 0.0, 0.0
        for place in range(math.floor(centre - 2 / widened) - 1, math.ceil(centre + 2 / widened) + 2):
            weight = keys((centre - place) * widened)
            if border == "repeat":
                value = line[min(max(place, 0), side - 1)]
            else:
                value = np.concatenate([line, line[::-1]])[place % (2 * side)]
            total, weights = total + weight * value, weights + weight
        out[pixel] = total / weights
    return out


@pytest.mark.parametrize("border", ["repeat", "mirror"])
@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_it_is_what_pixel_by_pixel_comes_out(scale: Fraction, border: Border) -> None:
    image = noise(1, 1, 13, 10)
    height, width = math.ceil(13 * scale), math.ceil(10 * scale)
    rows = np.stack([plain(column, height, float(scale), border) for column in image[0, 0].numpy().T], axis=1)
    expected = np.stack([plain(row, width, float(scale), border) for row in rows])
    for given in (scale, float(scale)):
        torch.testing.assert_close(imresize(image, scale=given, border=border)[0, 0], torch.from_numpy(expected))


@pytest.mark.parametrize(("side", "wanted"), [(700, 301), (90, 1100), (1030, 258)])
def test_sides_of_many_blocks(side: int, wanted: int) -> None:
    image = noise(1, 1, side, 1)
    expected = plain(image.flatten().numpy(), wanted, wanted / side, "repeat")
    for images in (image, image.mT):
        found = imresize(images, size=(wanted, 1) if images is image else (1, wanted))
        torch.testing.assert_close(found.flatten(), torch.from_numpy(expected))


def test_a_size_gives_each_side_its_own_scale() -> None:
    images = noise(2, 3, 12, 8)
    both = imresize(images, size=(6, 24))
    assert both.shape == (2, 3, 6, 24)
    torch.testing.assert_close(both, imresize(imresize(images, size=(6, 8)), size=(6, 24)))
    torch.testing.assert_close(imresize(images, size=(24, 16)), imresize(images, scale=2))
    assert torch.equal(imresize(images, scale=1), images)


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_constants_stay(scale: Fraction) -> None:
    found = imresize(torch.full((1, 2, 40, 40), 0.7), scale=scale)
    torch.testing.assert_close(found, torch.full_like(found, 0.7))


@pytest.mark.parametrize("scale", [Fraction(4), Fraction(3, 2), Fraction(1, 2), Fraction(1, 4)], ids=str)
def test_ramps_stay_ramps_inside(scale: Fraction) -> None:
    """The kernel reproduces lines, and by symmetry also if it is widened by an integer factor."""
    ramp = imresize(torch.arange(80.0).expand(1, 1, 80, 80), scale=scale)[0, 0, 0]
    centres = (torch.arange(len(ramp)) + 0.5) / float(scale) - 0.5
    margin = math.ceil(2 * max(1, float(scale)))
    torch.testing.assert_close(ramp[margin:-margin], centres[margin:-margin], atol=1e-4, rtol=0)


def test_it_is_linear_and_knows_its_gradient() -> None:
    images = noise(1, 2, 6, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: imresize(x, scale=Fraction(1, 2)), images)
    assert torch.autograd.gradcheck(lambda x: imresize(x, scale=2), images)


def test_weights_that_were_first_used_without_gradients_serve_training() -> None:
    images = noise(1, 1, 11, 11)
    with torch.inference_mode():
        imresize(images, scale=5)
    images.requires_grad_()
    imresize(images, scale=5).sum().backward()
    assert images.grad is not None
    torch.testing.assert_close(images.grad.sum(), torch.tensor(11.0 * 11 * 25, dtype=torch.float64))


def test_tensors_without_content_have_shapes_and_leave_nothing_behind() -> None:
    """Fake tensors, which are used to count operations, do not change results for real tensors of the same shape."""
    for turn in range(2):
        with FakeTensorMode():
            images = torch.empty(2, 3, 24, 300, requires_grad=True)
            assert degrade(images, 4).shape == (2, 3, 6, 75)
            imresize(images, scale=3).sum().backward()
            assert images.grad is not None
        assert degrade(torch.full((2, 3, 24, 300), 2 * turn - 1.0), 4).unique().tolist() == [2 * turn - 1]


def test_it_stays_float32_under_autocast_and_for_shorter_floats() -> None:
    images = noise(1, 3, 16, 16).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(imresize(images, scale=4), imresize(images, scale=4))
        found = imresize(images, scale=4)
    assert found.dtype == torch.float32
    assert torch.equal(found, imresize(images, scale=4))
    assert imresize(images.bfloat16(), scale=4).dtype == torch.float32


def test_what_cannot_be_asked_for() -> None:
    images = noise(1, 1, 8, 8)
    for options in ({}, {"scale": 2, "size": (4, 4)}):
        with pytest.raises(ValueError, match="either a scale or a size"):
            imresize(images, **options)
    for options in ({"scale": 0}, {"size": (0, 4)}):
        with pytest.raises(ValueError, match="smallest size is 1x1"):
            imresize(images, **options)
    with pytest.raises(ValueError, match="8x8 have a side that is not a multiple of 3"):
        degrade(images, 3)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_degrading_rounds_to_bytes_after_each_direction(scale: int) -> None:
    levels = (noise(2, 3, 16, 24) * 255).round()
    rows = torch.tensor(
        np.apply_along_axis(plain, 2, levels.numpy(), 16 // scale, 1 / scale, "repeat")  # type: ignore[call-overload]
    )
    rows = (rows + 0.5).floor().clamp(0, 255)
    both = np.apply_along_axis(plain, 3, rows.numpy(), 24 // scale, 1 / scale, "repeat")  # type: ignore[call-overload]
    expected = (torch.tensor(both) + 0.5).floor().clamp(0, 255)
    found = degrade((levels / 127.5 - 1).float(), scale)
    assert torch.equal(((found + 1) * 127.5).round().double(), expected)
    assert found.min() >= -1
    assert found.max() <= 1


def bytes_of(path: Path) -> Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1).unsqueeze(0)


def test_degrading_gives_the_bytes_that_matlab_gave() -> None:
    """All bytes of the published low-resolution images of Set5 at scale 4."""
    data = Path(os.environ.get("GANCLI_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
    large = sorted((data / "set5" / "x4").glob("*_HR.png"))
    if not large:
        pytest.skip(f"needs the real data of {data}")
    for path in large:
        high_res, low_res = bytes_of(path), bytes_of(path.with_name(path.name.replace("_HR", "_LR")))
        found = (degrade(high_res / 127.5 - 1, 4) + 1).mul(127.5).round()
        assert torch.equal(found, low_res.float())
