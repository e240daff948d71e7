"""The user's own pairs of images: two folders whose files go by the same names, or images of two halves side by side.

The second form is that of the data sets of Isola et al. (2017).
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.combine import combine_pairs, combine_summaries
from gancli.data.sources.config import PairedConfig
from gancli.data.sources.listing import File, check_root, identity
from gancli.data.sources.splits import PairedFolder, few, find_side, unmatched
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.resize import Size
from gancli.io.types import Progress

_KEYS = ("source", "target")


class PairedSource(Source[PairedConfig]):
    """A batch's `source` and `target` are of the same pairs, in the order of their names."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        sides = self._sides()
        if problems := self._without_partner(sides):
            raise DataError(problems[0])
        pictures = self._pictures(sides)
        configs = {key: self._config_of(key) for key in _KEYS}
        known = all(pack.is_packed(pictures[key], configs[key]) for key in _KEYS)
        if not known:
            self._check_sizes(pictures)
        return combine_pairs(
            {key: pack.pack(pictures[key], configs[key], progress) for key in _KEYS}, self.config.source
        )

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        """Both sides, which may differ in size."""
        sides = self._sides()
        if problems := self._without_partner(sides):
            raise DataError(problems[0])
        pictures = self._pictures(sides)
        return {key: pack.pack(pictures[key], self._config_of(key), progress, whole=True) for key in _KEYS}

    def survey(self, progress: Progress | None = None) -> DataSummary:
        sides = self._sides()
        pictures = self._pictures(sides)
        source = self.config.source
        parts = {key: pack.survey(pictures[key], source, sides[key].ignored, progress) for key in _KEYS}
        found = self._sizes(pictures)
        survey = combine_summaries(source, parts, [*self._without_partner(sides), *found.problems])
        return replace(survey, scale=found.scale)

    def _sides(self) -> dict[str, PairedFolder]:
        config = self.config
        check_root(config.root)
        if config.side_by_side:
            both = find_side(config.root, "", config.split, config.test_share)
            return dict.fromkeys(_KEYS, both)
        folders = (config.source_folder, config.target_folder)
        sides = [find_side(config.root, folder, config.split, config.test_share) for folder in folders]
        return dict(zip(_KEYS, sides, strict=True))

    def _without_partner(self, sides: dict[str, PairedFolder]) -> list[str]:
        if self.config.unmatched == "skip":
            return []
        problems = []
        for here, there in (_KEYS, _KEYS[::-1]):
            side, other = sides[here], sides[there]
            if names := unmatched(side.files, other.files):
                problems.append(
                    f"{len(names):,} of {len(side.files):,} images in {side.place} have no partner of the same name in "
                    f"{other.place} ({few(names)}); add it, remove them, or set data.unmatched=skip"
                )
        return problems

    def _check_sizes(self, pictures: dict[str, pack.Pictures]) -> None:
        found = self._sizes(pictures)
        if found.problems:
            raise DataError(found.problems[0])
        if found.scale != 1:
            raise DataError(larger_targets(found.scale))

    def _sizes(self, pictures: dict[str, pack.Pictures]) -> PairSizes:
        """Sizes may differ only where both are stretched to one: cropped, the two would not lie upon each other."""
        if self.config.side_by_side or self._stretches:
            return PairSizes(scale=1)
        source, target = (pack.sizes(pictures[key]) for key in _KEYS)
        names = [pictures["source"].name(row) for row in range(len(source))]
        return compare(list(zip(source, target, strict=True)), names)

    @property
    def _stretches(self) -> bool:
        config = self.config
        return config.fit == "stretch" and (config.resolution is not None or config.random_crop is None)

    def _pictures(self, sides: dict[str, PairedFolder]) -> dict[str, pack.Pictures]:
        names = [name for name in sides["source"].files if name in sides["target"].files]
        if not names:
            raise DataError(f"no image in {sides['source'].place} has a partner of the same name in the other folder")
        return {key: self._pictures_of(key, [side.files[name] for name in names]) for key, side in sides.items()}

    def _pictures_of(self, key: str, files: list[File]) -> pack.Pictures:
        config = self.config
        command = shlex.join(["gan", "data", "check", "paired", "--set", f"data.root={config.root}"])
        half = f"{key} of {config.side_by_side} " if config.side_by_side else ""
        return pack.Pictures(
            count=len(files),
            name=lambda row: str(config.root / files[row].path),
            open=self._opener(key, files),
            labels=None,
            label_names=(),
            identity=half + identity(files, config.max_megapixels),
            remedy=f"replace it, or remove it and its partner; `{command}` lists all",
        )

    def _opener(self, key: str, files: list[File]) -> Callable[[int], Image.Image]:
        limit = self.config.max_megapixels

        def path(row: int) -> Path:
            return self.config.root / files[row].path

        if not self.config.side_by_side:
            return lambda row: decode.open_image(path(row), max_megapixels=limit)
        right = (key == "source") == (self.config.side_by_side == "ba")
        return lambda row: decode.open_half(path(row), right=right, max_megapixels=limit)

    def _config_of(self, key: str) -> PairedConfig:
        own = self.config.source_channels if key == "source" else self.config.target_channels
        return self.config.model_copy(update={"channels": own or self.config.channels})


@dataclass(frozen=True, kw_only=True)
class PairSizes:
    """What two sides have in common.

    Args:
        scale: how many times as large the targets are as their sources, along each side; None where they differ.
        problems: what does not go together, a sentence at most.
    """

    scale: int | None
    problems: Sequence[str] = ()


def compare(sizes: Sequence[tuple[Size | None, Size | None]], names: Sequence[str]) -> PairSizes:
    """Holds every pair to the scale that most of them have.

    Args:
        sizes: (height, width) of the source and of the target; None of one that cannot be read.
        names: of the sources.
    """
    readable = {row: (source, target) for row, (source, target) in enumerate(sizes) if source and target}
    scales = {row: scale_of(*pair) for row, pair in readable.items()}
    counted = Counter(scale for scale in scales.values() if scale is not None).most_common(1)
    usual = counted[0][0] if counted else 1
    odd = [row for row, scale in scales.items() if scale != usual]
    if not odd:
        return PairSizes(scale=usual)
    source, target = readable[odd[0]]
    first = f"{names[odd[0]]} is {source[0]}x{source[1]}, its target {target[0]}x{target[1]}"
    more = f", and {len(odd) - 1:,} more pairs differ" if len(odd) > 1 else ""
    if usual == 1:
        return PairSizes(
            scale=None,
            problems=[
                f"the images of a pair must have one size: {first}{more}; resize them, or set data.fit=stretch and "
                "data.resolution"
            ],
        )
    return PairSizes(
        scale=None,
        problems=[
            f"targets are {usual} times as large as their sources in {counted[0][1]:,} of {len(readable):,} pairs, but "
            f"{first}{more}; make the source anew, or remove the pair"
        ],
    )


def scale_of(source: Size, target: Size) -> int | None:
    """How many times as large the target is along each side, but for what a division leaves over; None if not so."""
    times = target[0] // source[0]
    return times if times and (target[0] // times, target[1] // times) == source else None


def larger_targets(scale: int | None) -> str:
    """Why no family trains on such pairs, and what does take them."""
    return (
        f"the images of a pair must have one size, and the targets are {scale} times as large as their sources: such "
        "pairs are for `gan eval --data paired`, and families that upscale train on the large images alone; resize "
        "them, or set data.fit=stretch and data.resolution"
    )
