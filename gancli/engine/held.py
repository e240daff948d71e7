"""The training images that previews go back to, again and again."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gancli.data.source import Packed


def held(packed: Packed, key: str, *, rows: int, device: torch.device) -> Tensor:
    """Images (N, C, H, W) in [-1, 1], evenly spread over the data, cut from the middle where training cuts at random.

    Args:
        packed: the training data.
        key: that they lie under.
        rows: N, unless there are fewer.
        device: where they go.
    """
    images, (_, height, width) = packed.stored(key), packed.spec.shape_of(key)
    places = np.linspace(0, len(images) - 1, min(rows, len(images))).round().astype(int)
    chosen = np.stack([_middle(images[place], height, width) for place in places.tolist()])
    return torch.from_numpy(chosen).to(device, torch.float32) / 127.5 - 1


def _middle(image: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]
