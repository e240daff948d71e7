"""Pairs without a download: patches of two photographs that scikit-learn brings, and their outlines or brightness."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gancli.data.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.config import PhotoPairsConfig
from gancli.data.joining import join, join_surveys
from gancli.data.outlines import outlines
from gancli.data.photos import cut, photographs
from gancli.data.source import Bytes, Packed, Progress, Source, Survey


class PhotoPairsSource(Source[PhotoPairsConfig]):
    """`source` is 1 channel, of outlines or of grey; `target` the patch itself; `channels` is the target's."""

    def read(self, progress: Progress | None = None) -> Packed:
        configs = {"source": self.config.model_copy(update={"channels": None}), "target": self.config}
        parts = {key: pack_arrays(arrays, configs[key]) for key, arrays in self._arrays().items()}
        return join(parts, self.config.source)

    def survey(self, progress: Progress | None = None) -> Survey:
        source = self.config.source
        return join_surveys(source, {key: survey_arrays(arrays, source) for key, arrays in self._arrays().items()})

    def _arrays(self) -> dict[str, Arrays]:
        targets = photographs(self.config.split)
        reduced = {"outlines": outlines, "grey": _brightness}[self.config.sources]
        sources = [reduced(photograph)[:, :, None] for photograph in targets]
        return {"source": cut(sources, self.config), "target": cut(targets, self.config)}


def _brightness(photograph: Bytes) -> Bytes:
    """The luma of ITU-R BT.601, (H, W), of a photograph (H, W, 3)."""
    return np.asarray(Image.fromarray(photograph).convert("L"))
