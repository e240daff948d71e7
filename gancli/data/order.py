"""Which image comes at which position of a stream: a pure function of the seed and the position."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Take(NamedTuple):
    """Of some samples: their rows, int64 (N,); whether each is mirrored, bool (N,); where each is cut, in [0, 1)
    of the room down and across, float32 (N, 2). None: none is.
    """

    rows: Tensor
    flips: Tensor | None
    places: Tensor | None

    def part(self, start: int, end: int) -> Take:
        return Take(*(None if each is None else each[start:end] for each in self))  # type: ignore[arg-type]

    def same(self, other: Take) -> bool:
        """Whether it is of the same rows, cut at the same places. Mirroring comes later."""
        placed = (self.places is None) == (other.places is None) and (
            self.places is None or other.places is None or torch.equal(self.places, other.places)
        )
        return placed and torch.equal(self.rows, other.rows)

    def to(self, device: torch.device) -> Take:
        return Take(*(None if each is None else each.to(device) for each in self))  # type: ignore[arg-type]


class Order:
    """Which image of a stream comes at which position, whether it is mirrored, and where it is cut."""

    def __init__(self, count: int, epoch: np.ndarray | None, *, seed: int, stream: str, flip: bool, crop: bool) -> None:
        self._shown = None if epoch is None else torch.from_numpy(epoch)
        self._count = count if epoch is None else len(epoch)
        self._seed = f"{seed}/{stream}" if stream else str(seed)
        self._flip, self._crop = flip, crop
        self._home = torch.device("cpu")
        self._epochs: dict[int, Take] = {}

    def move(self, home: torch.device) -> None:
        """Answers on another device from now on."""
        if home != self._home:
            self._home, self._epochs = home, {}

    def take(self, position: int, count: int) -> Take:
        """The samples at `position` and the `count` - 1 after it."""
        epoch, start = divmod(position, self._count)
        if start + count <= self._count:
            return self._epoch(epoch).part(start, start + count)
        parts = []
        while count:
            end = min(start + count, self._count)
            parts.append(self._epoch(epoch).part(start, end))
            count -= end - start
            epoch, start = epoch + 1, 0
        joined = (None if columns[0] is None else torch.cat(columns) for columns in zip(*parts, strict=True))
        return Take(*joined)  # type: ignore[arg-type]

    def _epoch(self, epoch: int) -> Take:
        if epoch not in self._epochs:
            digest = hashlib.sha256(f"{self._seed}/{epoch}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))  # it uses 32 bits of a seed
            rows, flips, places = torch.randperm(self._count, generator=generator), None, None
            if self._shown is not None:
                rows = self._shown[rows]
            if self._flip:
                flips = torch.randint(2, (self._count,), generator=generator, dtype=torch.bool)
            if self._crop:
                places = torch.rand(self._count, 2, generator=generator)
            self._epochs = {number: kept for number, kept in self._epochs.items() if abs(number - epoch) == 1}
            self._epochs[epoch] = Take(rows, flips, places).to(self._home)
        return self._epochs[epoch]
