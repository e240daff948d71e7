"""The user's pairs of images: two folders with equal file names, or pairs side by side in one image.

The second form is that of the datasets of Isola et al. (2017).
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.combine import combine_pairs, combine_summaries
from gancli.data.sources.config import PairedConfig
from gancli.data.sources.listing import File, check_root, encoded_files
from gancli.data.sources.splits import SplitFolder, abbreviate, list_split, unmatched
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.resize import Size
from gancli.io.types import Progress

_KEYS = ("source", "target")


class PairedSource(Source[PairedConfig]):
    """`source` and `target` of a row are a pair; pairs are sorted by name."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        encoded, configs = self._matched(), {key: self._config_of(key) for key in _KEYS}
        if not all(pack.is_packed(encoded[key], configs[key]) for key in _KEYS):
            self._check_sizes(encoded)
        return combine_pairs(
            {key: pack.pack(encoded[key], configs[key], progress) for key in _KEYS}, self.config.source
        )

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        """Read both images of the pairs, which may differ in size."""
        encoded = self._matched()
        return {key: pack.pack(encoded[key], self._config_of(key), progress, full_size=True) for key in _KEYS}

    def survey(self, progress: Progress | None = None) -> DataSummary:
        folders = self._folders()
        encoded = self._encoded(folders)
        source = self.config.source
        parts = {key: pack.summarize(encoded[key], self.config, folders[key].ignored, progress) for key in _KEYS}
        sizes = self._pair_sizes(encoded)
        summary = combine_summaries(source, parts, [*self._unmatched_problems(folders), *sizes.problems])
        return replace(summary, scale=sizes.scale)

    def _folders(self) -> dict[str, SplitFolder]:
        config = self.config
        check_root(config.root)
        if config.side_by_side:
            return dict.fromkeys(_KEYS, list_split(config.root, "", config.split, config.test_share))
        names = (config.source_folder, config.target_folder)
        folders = [list_split(config.root, name, config.split, config.test_share) for name in names]
        return dict(zip(_KEYS, folders, strict=True))

    def _matched(self) -> dict[str, pack.EncodedImages]:
        """Return the images of all pairs, by key.

        Raises:
            DataError: an image has no partner, unless such images are skipped.
        """
        folders = self._folders()
        if problems := self._unmatched_problems(folders):
            raise DataError(problems[0])
        return self._encoded(folders)

    def _unmatched_problems(self, folders: dict[str, SplitFolder]) -> list[str]:
        if self.config.unmatched == "skip":
            return []
        problems = []
        for key, other_key in (_KEYS, _KEYS[::-1]):
            folder, other = folders[key], folders[other_key]
            if names := unmatched(folder.files, other.files):
                problems.append(
                    f"{len(names):,} of {len(folder.files):,} images in {folder.path} have no partner of the same name "
                    f"in {other.path} ({abbreviate(names)}); add it, remove them, or set data.unmatched=skip"
                )
        return problems

    def _check_sizes(self, encoded: dict[str, pack.EncodedImages]) -> None:
        sizes = self._pair_sizes(encoded)
        if sizes.problems:
            raise DataError(sizes.problems[0])
        if sizes.scale != 1:
            raise DataError(larger_targets(sizes.scale))

    def _pair_sizes(self, encoded: dict[str, pack.EncodedImages]) -> PairSizes:
        """Compare sizes. They may differ only if both images are stretched; crops would show different parts."""
        if self.config.side_by_side or self._stretches:
            return PairSizes(scale=1)
        source, target = (pack.sizes(encoded[key]) for key in _KEYS)
        names = [encoded["source"].name(row) for row in range(len(source))]
        return compare_sizes(list(zip(source, target, strict=True)), names)

    @property
    def _stretches(self) -> bool:
        config = self.config
        return config.fit == "stretch" and (config.resolution is not None or config.random_crop is None)

    def _encoded(self, folders: dict[str, SplitFolder]) -> dict[str, pack.EncodedImages]:
        names = [name for name in folders["source"].files if name in folders["target"].files]
        if not names:
            raise DataError(
                f"no image in {folders['source'].path} has a partner of the same name in {folders['target'].path}; "
                "rename the files, or check the folders"
            )
        return {key: self._encoded_of(key, [folder.files[name] for name in names]) for key, folder in folders.items()}

    def _encoded_of(self, key: str, files: list[File]) -> pack.EncodedImages:
        config = self.config
        command = shlex.join(["gan", "data", "check", "paired", "--set", f"data.root={config.root}"])
        encoded = encoded_files(
            config.root,
            files,
            max_megapixels=config.max_megapixels,
            skip=False,
            remedy=f"replace it, or remove it and its partner; `{command}` lists all",
        )
        if not config.side_by_side:
            return encoded
        identity = f"{key} of {config.side_by_side} {encoded.identity}"
        return replace(encoded, identity=identity, open=self._half_opener(key, files))

    def _half_opener(self, key: str, files: list[File]) -> Callable[[int], Image.Image]:
        config = self.config
        right = (key == "source") == (config.side_by_side == "ba")
        return lambda row: decode.open_half(
            config.root / files[row].path, right=right, max_megapixels=config.max_megapixels
        )

    def _config_of(self, key: str) -> PairedConfig:
        channels = self.config.source_channels if key == "source" else self.config.target_channels
        return self.config.model_copy(update={"channels": channels or self.config.channels})


@dataclass(frozen=True, kw_only=True)
class PairSizes:
    """Relation between the sizes of sources and targets.

    Args:
        scale: factor between the sides of targets and sources; None if it differs between pairs.
        problems: pairs with another factor, as at most one sentence.
    """

    scale: int | None
    problems: Sequence[str] = ()


def compare_sizes(sizes: Sequence[tuple[Size | None, Size | None]], names: Sequence[str]) -> PairSizes:
    """Compare the scale of each pair with the most frequent scale.

    Args:
        sizes: (height, width) of sources and targets; None if unreadable.
        names: names of the sources.
    """
    readable = {row: (source, target) for row, (source, target) in enumerate(sizes) if source and target}
    scales = {row: integer_scale(*pair) for row, pair in readable.items()}
    most_common = Counter(scale for scale in scales.values() if scale is not None).most_common(1)
    scale, count = most_common[0] if most_common else (1, 0)
    deviating = [row for row, other in scales.items() if other != scale]
    if not deviating:
        return PairSizes(scale=scale)
    source, target = readable[deviating[0]]
    first = f"{names[deviating[0]]} is {source[0]}x{source[1]}, its target {target[0]}x{target[1]}"
    more = f", and {len(deviating) - 1:,} more pairs differ" if len(deviating) > 1 else ""
    if scale == 1:
        problem = (
            f"the images of a pair must have the same size: {first}{more}; resize them, or set data.fit=stretch and "
            "data.resolution"
        )
    else:
        problem = (
            f"targets are {scale} times as large as their sources in {count:,} of {len(readable):,} pairs, but "
            f"{first}{more}; replace the source, or remove the pair"
        )
    return PairSizes(scale=None, problems=[problem])


def integer_scale(source: Size, target: Size) -> int | None:
    """Return the whole factor between the sides of target and source, ignoring remainders; None if there is none."""
    factor = target[0] // source[0]
    return factor if factor and (target[0] // factor, target[1] // factor) == source else None


def larger_targets(scale: int | None) -> str:
    """Return the message for pairs with larger targets, which cannot be used for training."""
    return (
        f"the images of a pair must have the same size, but the targets are {scale} times as large as their sources: "
        "use such pairs with `gan eval --data paired`, and train upscaling families on the large images alone; or "
        "resize them, or set data.fit=stretch and data.resolution"
    )
