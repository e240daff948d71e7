"""Pictures that move, and remember how they were made."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gancli.errors import UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.io.images import Pixels

FRAMES_PER_SECOND = 20


def write_gif(path: Path, frames: Pixels, *, metadata: Mapping[str, Any]) -> None:
    """Writes frames (N, H, W, C) as an endless GIF with the metadata as its comment, in JSON.

    Grey frames keep every value. Of coloured ones each has its own 256 colours, without dithering, which would flicker.
    Equal frames in a row are stored once and last as long. The same frames and metadata give the same bytes.

    Raises:
        DiskError: the disk refuses.
    """
    from PIL import Image

    images = [Image.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame) for frame in _opaque(frames)]
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
    """Writes frames (N, H, W, C) as H.264 video with the metadata as its comment, in JSON.

    Raises:
        UsageError: PyAV is not installed.
        DiskError: the disk refuses.
    """
    try:
        import av
    except ImportError:
        raise UsageError(
            f"{path} needs PyAV, which is not installed: pip install 'gancli[video]'; a .gif works without it"
        ) from None
    # The colours of most players' H.264 are stored for squares of 2x2 pixels, so both sides are even.
    frames = np.pad(_opaque(frames), ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    colours = frames.repeat(3, axis=3) if frames.shape[3] == 1 else frames
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        container.metadata["comment"] = json.dumps(metadata)
        stream = container.add_stream("h264", rate=FRAMES_PER_SECOND, options={"crf": "16"})
        stream.height, stream.width, stream.pix_fmt = *colours.shape[1:3], "yuv420p"
        for frame in colours:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    _write(path, buffer)


def _opaque(frames: Pixels) -> Pixels:
    """Frames without transparency, on white."""
    if frames.shape[3] < 4:
        return frames
    share = frames[..., 3:] / 255
    mixed: Pixels = (frames[..., :3] * share + 255 * (1 - share)).round().astype(np.uint8)
    return mixed


def _write(path: Path, buffer: io.BytesIO) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
