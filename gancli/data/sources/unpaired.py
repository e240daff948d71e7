"""The user's own images of two domains, without partners: the data of Zhu et al. (2017)."""

from __future__ import annotations

import shlex

from gancli.data import pack
from gancli.data.source import UNPAIRED, DataSummary, PackedDataset, Source
from gancli.data.sources.combine import combine_pairs, combine_summaries
from gancli.data.sources.config import UnpairedConfig
from gancli.data.sources.listing import check_root, identity
from gancli.data.sources.splits import PairedFolder, find_side
from gancli.io import decode
from gancli.io.types import Progress


class UnpairedSource(Source[UnpairedConfig]):
    """A batch's `a` and `b` are drawn each in an order of its own; `limit` counts the images of each."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        sides = self._sides()
        parts = {key: pack.pack(self._pictures(side), self.config, progress) for key, side in sides.items()}
        return combine_pairs(parts, self.config.source)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        source = self.config.source
        parts = {
            key: pack.survey(self._pictures(side), source, side.ignored, progress)
            for key, side in self._sides().items()
        }
        return combine_summaries(source, parts)

    def _sides(self) -> dict[str, PairedFolder]:
        config = self.config
        check_root(config.root)
        folders = (config.a_folder, config.b_folder)
        sides = [find_side(config.root, folder, config.split, config.test_share) for folder in folders]
        return dict(zip(UNPAIRED, sides, strict=True))

    def _pictures(self, side: PairedFolder) -> pack.Pictures:
        root, limit = self.config.root, self.config.max_megapixels
        files = list(side.files.values())
        command = shlex.join(["gan", "data", "check", "unpaired", "--set", f"data.root={root}"])
        return pack.Pictures(
            count=len(files),
            name=lambda row: str(root / files[row].path),
            open=lambda row: decode.open_image(root / files[row].path, max_megapixels=limit),
            labels=None,
            label_names=(),
            identity=identity(files, limit),
            skip=self.config.unreadable == "skip",
            remedy=f"remove it, or set data.unreadable=skip; `{command}` lists all",
        )
