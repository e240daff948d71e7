"""The user's images of two domains, without pairs: the data of Zhu et al. (2017)."""

from __future__ import annotations

from gancli.data import pack
from gancli.data.source import UNPAIRED, DataSummary, PackedDataset, Source
from gancli.data.sources.combine import combine_pairs, combine_summaries
from gancli.data.sources.config import UnpairedConfig
from gancli.data.sources.listing import check_root, encoded_files, skip_remedy
from gancli.data.sources.splits import SplitFolder, list_split
from gancli.io.types import Progress


class UnpairedSource(Source[UnpairedConfig]):
    """`a` and `b` are shown in independent orders; `limit` applies to each domain."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        folders = self._folders()
        parts = {key: pack.pack(self._encoded(folder), self.config, progress) for key, folder in folders.items()}
        return combine_pairs(parts, self.config.source)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        source = self.config.source
        parts = {
            key: pack.summarize(self._encoded(folder), self.config, folder.ignored, progress)
            for key, folder in self._folders().items()
        }
        return combine_summaries(source, parts)

    def _folders(self) -> dict[str, SplitFolder]:
        config = self.config
        check_root(config.root)
        names = (config.a_folder, config.b_folder)
        folders = [list_split(config.root, name, config.split, config.test_share) for name in names]
        return dict(zip(UNPAIRED, folders, strict=True))

    def _encoded(self, folder: SplitFolder) -> pack.EncodedImages:
        config = self.config
        return encoded_files(
            config.root,
            list(folder.files.values()),
            max_megapixels=config.max_megapixels,
            skip=config.unreadable == "skip",
            remedy=skip_remedy("unpaired", "--set", f"data.root={config.root}"),
        )
