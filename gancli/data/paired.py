"""The user's own pairs of images: two folders whose files go by the same names, or images of two halves side by side.

The second form is that of the data sets of Isola et al. (2017).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image

from gancli.data import decoding, packing
from gancli.data.config import PairedConfig
from gancli.data.joining import join, join_surveys
from gancli.data.listing import File, check_root, identity
from gancli.data.pair_sizes import PairSizes, compare, larger_targets
from gancli.data.sides import Side, few, find_side, lonely
from gancli.data.source import Packed, Progress, Source, Survey
from gancli.errors import DataError

_KEYS = ("source", "target")


class PairedSource(Source[PairedConfig]):
    """A batch's `source` and `target` are of the same pairs, in the order of their names."""

    def read(self, progress: Progress | None = None) -> Packed:
        sides = self._sides()
        if problems := self._without_partner(sides):
            raise DataError(problems[0])
        pictures = self._pictures(sides)
        configs = {key: self._config_of(key) for key in _KEYS}
        known = all(packing.is_packed(pictures[key], configs[key]) for key in _KEYS)
        if not known:
            self._check_sizes(pictures)
        return join({key: packing.pack(pictures[key], configs[key], progress) for key in _KEYS}, self.config.source)

    def whole(self, progress: Progress | None = None) -> Mapping[str, Packed]:
        """Both sides, which may differ in size."""
        sides = self._sides()
        if problems := self._without_partner(sides):
            raise DataError(problems[0])
        pictures = self._pictures(sides)
        return {key: packing.pack(pictures[key], self._config_of(key), progress, whole=True) for key in _KEYS}

    def survey(self, progress: Progress | None = None) -> Survey:
        sides = self._sides()
        pictures = self._pictures(sides)
        source = self.config.source
        parts = {key: packing.survey(pictures[key], source, sides[key].ignored, progress) for key in _KEYS}
        found = self._sizes(pictures)
        survey = join_surveys(source, parts, [*self._without_partner(sides), *found.problems])
        return replace(survey, scale=found.scale)

    def _sides(self) -> dict[str, Side]:
        config = self.config
        check_root(config.root)
        if config.side_by_side:
            both = find_side(config.root, "", config.split, config.test_share)
            return dict.fromkeys(_KEYS, both)
        folders = (config.source_folder, config.target_folder)
        sides = [find_side(config.root, folder, config.split, config.test_share) for folder in folders]
        return dict(zip(_KEYS, sides, strict=True))

    def _without_partner(self, sides: dict[str, Side]) -> list[str]:
        if self.config.unmatched == "skip":
            return []
        problems = []
        for here, there in (_KEYS, _KEYS[::-1]):
            side, other = sides[here], sides[there]
            if names := lonely(side.files, other.files):
                problems.append(
                    f"{len(names):,} of {len(side.files):,} images in {side.place} have no partner of the same name in "
                    f"{other.place} ({few(names)}); add it, remove them, or set data.unmatched=skip"
                )
        return problems

    def _check_sizes(self, pictures: dict[str, packing.Pictures]) -> None:
        found = self._sizes(pictures)
        if found.problems:
            raise DataError(found.problems[0])
        if found.scale != 1:
            raise DataError(larger_targets(found.scale))

    def _sizes(self, pictures: dict[str, packing.Pictures]) -> PairSizes:
        """Sizes may differ only where both are stretched to one: cropped, the two would not lie upon each other."""
        if self.config.side_by_side or self._stretches:
            return PairSizes(scale=1)
        source, target = (packing.sizes(pictures[key]) for key in _KEYS)
        names = [pictures["source"].name(row) for row in range(len(source))]
        return compare(list(zip(source, target, strict=True)), names)

    @property
    def _stretches(self) -> bool:
        config = self.config
        return config.fit == "stretch" and (config.resolution is not None or config.random_crop is None)

    def _pictures(self, sides: dict[str, Side]) -> dict[str, packing.Pictures]:
        names = [name for name in sides["source"].files if name in sides["target"].files]
        if not names:
            raise DataError(f"no image in {sides['source'].place} has a partner of the same name in the other folder")
        return {key: self._pictures_of(key, [side.files[name] for name in names]) for key, side in sides.items()}

    def _pictures_of(self, key: str, files: list[File]) -> packing.Pictures:
        config = self.config
        command = shlex.join(["gan", "data", "check", "paired", "--set", f"data.root={config.root}"])
        half = f"{key} of {config.side_by_side} " if config.side_by_side else ""
        return packing.Pictures(
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
            return lambda row: decoding.open_image(path(row), max_megapixels=limit)
        right = (key == "source") == (self.config.side_by_side == "ba")
        return lambda row: decoding.open_half(path(row), right=right, max_megapixels=limit)

    def _config_of(self, key: str) -> PairedConfig:
        own = self.config.source_channels if key == "source" else self.config.target_channels
        return self.config.model_copy(update={"channels": own or self.config.channels})
