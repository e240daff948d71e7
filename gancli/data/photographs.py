"""Full photographs, as they are: a folder of them, of any sizes, or the two that scikit-learn brings."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from gancli.data import decoding, packing
from gancli.data.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.config import PhotographsConfig
from gancli.data.crops import too_small
from gancli.data.listing import check_root, identity
from gancli.data.photos import photographs
from gancli.data.resizing import as_size
from gancli.data.sides import find_side
from gancli.data.source import Packed, Progress, Source, Survey

_EPOCH = 1_024


class PhotographsSource(Source[PhotographsConfig]):
    """Parts of each photograph come equally often, however large it is: an epoch shows every one so many times that it
    has at least about a thousand samples.

    The built-in photographs are cut at column 512, as those of the source `photos` are.
    """

    def read(self, progress: Progress | None = None) -> Packed:
        packed = self._read(progress, whole=False)
        times = max(1, round(_EPOCH / packed.count))
        cropped = self.config.random_crop is not None
        return replace(packed, epoch=np.tile(np.arange(packed.count), times)) if cropped and times > 1 else packed

    def whole(self, progress: Progress | None = None) -> Mapping[str, Packed]:
        return {"image": self._read(progress, whole=True)}

    def survey(self, progress: Progress | None = None) -> Survey:
        if self.config.root is None:
            return survey_arrays(self._bundled(), self.config.source)
        pictures, ignored = self._pictures(self.config.root)
        survey = packing.survey(pictures, self.config.source, ignored, progress)
        problem = self._too_small(pictures)
        return replace(survey, problems=(problem,)) if problem else survey

    def _too_small(self, pictures: packing.Pictures) -> str | None:
        crop = as_size(self.config.random_crop)
        if crop is None or self.config.resolution is not None:
            return None
        sizes = {row: size for row, size in enumerate(packing.sizes(pictures)) if size}
        return too_small(sizes, pictures.name, crop)

    def _read(self, progress: Progress | None, *, whole: bool) -> Packed:
        if self.config.root is None:
            return pack_arrays(self._bundled(), self.config)
        return packing.pack(self._pictures(self.config.root)[0], self.config, progress, whole=whole)

    def _bundled(self) -> Arrays:
        return Arrays(np.stack(photographs(self.config.split)).transpose(0, 3, 1, 2), None, ())

    def _pictures(self, root: Path) -> tuple[packing.Pictures, list[str]]:
        """Those of the split, and the files that are no images."""
        check_root(root)
        side = find_side(root, "", self.config.split, self.config.test_share)
        files = list(side.files.values())
        command = shlex.join(["gan", "data", "check", "photographs", "--set", f"data.root={root}"])
        pictures = packing.Pictures(
            count=len(files),
            name=lambda row: str(root / files[row].path),
            open=lambda row: decoding.open_image(root / files[row].path, max_megapixels=self.config.max_megapixels),
            labels=None,
            label_names=(),
            identity=identity(files, self.config.max_megapixels),
            skip=self.config.unreadable == "skip",
            remedy=f"remove it, or set data.unreadable=skip; `{command}` lists all",
        )
        return pictures, list(side.ignored)
