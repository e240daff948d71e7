from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.errors import UsageError
from gancli.io.images import Pixels
from gancli.io.video import FRAMES_PER_SECOND, write_gif, write_mp4

MADE = {"run": "r", "seeds": [1, 7], "label": "été"}


def frames(count: int, size: int, channels: int) -> Pixels:
    """Return smooth frames that differ."""
    ramp = np.linspace(0, 200, size * size).reshape(1, size, size, 1)
    moved = (ramp + 10 * np.arange(count).reshape(-1, 1, 1, 1)) % 256
    return moved.repeat(channels, axis=3).astype(np.uint8)


def read(path: Path) -> list[Pixels]:
    with Image.open(path) as image:
        images = []
        for index in range(image.n_frames):
            image.seek(index)
            images.append(np.asarray(image.convert("RGB")))
        return images


def test_a_grey_gif_keeps_every_value_and_plays_on(tmp_path: Path) -> None:
    moving = frames(6, 16, 1)
    for name in ("a.gif", "b.gif"):
        write_gif(tmp_path / name, moving, metadata=MADE)
    decoded = read(tmp_path / "a.gif")
    assert len(decoded) == 6
    assert all(np.array_equal(frame, wanted.repeat(3, axis=2)) for frame, wanted in zip(decoded, moving, strict=True))
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0
        assert image.info["duration"] == 1000 / FRAMES_PER_SECOND
        assert json.loads(image.info["comment"]) == MADE
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_a_gif_of_few_colours_keeps_them(tmp_path: Path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], dtype=np.uint8)
    moving = np.random.default_rng(0).integers(0, 4, (4, 12, 12))
    write_gif(tmp_path / "a.gif", colours[moving], metadata=MADE)
    assert all(
        np.array_equal(frame, colours[index]) for frame, index in zip(read(tmp_path / "a.gif"), moving, strict=True)
    )


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = np.zeros((2, 8, 8, 4), dtype=np.uint8)
    clear[1, :, :, 3] = 255
    write_gif(tmp_path / "a.gif", clear, metadata=MADE)
    assert [int(frame.mean()) for frame in read(tmp_path / "a.gif")] == [255, 0]


def test_without_pyav_a_sentence_says_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match=r"pip install 'gancli\[video\]'; a \.gif works"):
        write_mp4(tmp_path / "a.mp4", frames(2, 8, 1), metadata=MADE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_video_shows_the_frames(tmp_path: Path, channels: int) -> None:
    av = pytest.importorskip("av")
    moving = frames(7, 63, channels)
    if channels == 4:
        moving[..., 3] = 255
    write_mp4(tmp_path / "a.mp4", moving, metadata=MADE)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert json.loads(container.metadata["comment"]) == MADE
        (stream,) = container.streams.video
        assert (stream.width, stream.height, stream.average_rate) == (64, 64, FRAMES_PER_SECOND)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 7
    # The compression is lossy, but each frame is closest to its original.
    distances = [
        [abs(frame[:63, :63] - wanted[..., :3].astype(float)).mean() for wanted in moving] for frame in decoded
    ]
    assert [int(np.argmin(row)) for row in distances] == list(range(7))
