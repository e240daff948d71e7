"""GIF and MP4 files with metadata about their origin."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gancli.errors import UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.io.images import Pixels, grey_to_rgb

FRAMES_PER_SECOND = 20


def write_gif(path: Path, frames: Pixels, *, metadata: Mapping[str, Any]) -> None:
    """Write frames (N, H, W, C) as an endlessly looping GIF, with the metadata as JSON in its comment.

    Grey frames keep all values. Each colour frame has its own palette of 256 colours, without dithering, which would
    flicker. Equal consecutive frames are stored once with a longer duration. The file is a function of the arguments.

    Raises:
        DiskError: the file cannot be written.
    """
    from PIL import Image

    images = [Image.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame) for frame in _on_white(frames)]
    if images[0].mode == "RGB":
        images = [image.quantize(256, dither=Image.Dither.NONE) for image in images]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=1000 // FRAMES_PER_SECOND,
        loop=0,
        comment=json.dumps(metadata).encode(),
    )
    _write(path, buffer)


def write_mp4(path: Path, frames: Pixels, *, metadata: Mapping[str, Any]) -> None:
    """Write frames (N, H, W, C) as H.264 video, with the metadata as JSON in its comment.

    Raises:
        UsageError: PyAV is not installed.
        DiskError: the file cannot be written.
    """
    try:
        import av
    except ImportError:
        raise UsageError(
            f"{path} needs PyAV, which is not installed: pip install 'gancli[video]'; a .gif works without it"
        ) from None
    # Most H.264 players expect 4:2:0 colour, which stores one colour per 2x2 pixels, so both sides must be even.
    frames = np.pad(
        _on_white(frames), ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge"
    )
    frames = grey_to_rgb(frames)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        container.metadata["comment"] = json.dumps(metadata)
        stream = container.add_stream("h264", rate=FRAMES_PER_SECOND, options={"crf": "16"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    _write(path, buffer)


def _on_white(frames: Pixels) -> Pixels:
    """Blend RGBA frames with white; return other frames unchanged."""
    if frames.shape[3] < 4:
        return frames
    alpha = frames[..., 3:] / 255
    blended: Pixels = (frames[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    return blended


def _write(path: Path, buffer: io.BytesIO) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
