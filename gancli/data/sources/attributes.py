"""The user's own images, each with some attributes out of a table, as CelebA has them."""

from __future__ import annotations

import csv
import difflib
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import AttributesConfig
from gancli.data.sources.listing import HELD_OUT, SUFFIXES, check_root, identity
from gancli.data.sources.splits import PairedFolder, few, find_side, unmatched
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.types import Progress


@dataclass(frozen=True)
class _Matched:
    """Images with the lines of the table that are theirs, and what is left over on either side."""

    pictures: pack.Pictures
    names: tuple[str, ...]
    ignored: list[str]
    problems: list[str]


class AttributesSource(Source[AttributesConfig]):
    """A batch's `attributes` are those of its `image`; the spec's labels name them."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        matched = self._match()
        if matched.problems:
            raise DataError(matched.problems[0])
        packed = pack.pack(matched.pictures, self.config, progress)
        return replace(packed, spec=replace(packed.spec, labels=matched.names))

    def survey(self, progress: Progress | None = None) -> DataSummary:
        matched = self._match()
        found = pack.survey(matched.pictures, self.config.source, matched.ignored, progress)
        unreadable = {name for name, _ in found.unreadable}
        readable = [matched.pictures.name(row) not in unreadable for row in range(matched.pictures.count)]
        having = matched.pictures.beside["attributes"][readable].sum(0)
        labels = {name: int(count) for name, count in zip(matched.names, having, strict=True)}
        return replace(found, labels=labels, problems=tuple(matched.problems))

    def _match(self) -> _Matched:
        config = self.config
        check_root(config.root)
        side = find_side(config.root, "", config.split, config.test_share)
        table = read_table(config.table, config.name_column)
        lines = {_plain(name): row for row, name in enumerate(table.images)}
        files = {name: _line_of(name, lines) for name in side.files}
        rows = {name: row for name, row in files.items() if row is not None}
        if not rows:
            raise DataError(f"{config.table} names no image of {config.root}; its first is {table.images[0]!r}")
        columns = [_column(name, table, config) for name in config.attributes or table.names]
        beside = {"attributes": np.ascontiguousarray(table.values[list(rows.values())][:, columns])}
        return _Matched(
            pictures=replace(self._pictures(side, list(rows)), beside=beside),
            names=tuple(table.names[column] for column in columns),
            ignored=[path for path in side.ignored if (config.root / path).absolute() != config.table.absolute()],
            problems=self._problems(side, rows, lines),
        )

    def _problems(self, side: PairedFolder, rows: Mapping[str, int], lines: Mapping[str, int]) -> list[str]:
        config = self.config
        if config.unmatched == "skip":
            return []
        problems = []
        if names := unmatched(side.files, rows):
            problems.append(
                f"{len(names):,} of {len(side.files):,} images in {config.root} have no line in {config.table} "
                f"({few(names)}); add it, remove them, or set data.unmatched=skip"
            )
        known = set(find_side(config.root, "", "all", 0).files) if lines else set()
        used = {_line_of(name, lines) for name in known}
        if names := [name for name, row in lines.items() if row not in used]:
            problems.append(
                f"{len(names):,} of {len(lines):,} lines of {config.table} name no image in {config.root} "
                f"({few(names)}); add it, remove them, or set data.unmatched=skip"
            )
        return problems

    def _pictures(self, side: PairedFolder, names: list[str]) -> pack.Pictures:
        config, files = self.config, [side.files[name] for name in names]
        settings = (f"data.root={config.root}", f"data.table={config.table}")
        command = shlex.join(["gan", "data", "check", "attributes", *(w for each in settings for w in ("--set", each))])
        return pack.Pictures(
            count=len(files),
            name=lambda row: str(config.root / files[row].path),
            open=lambda row: decode.open_image(config.root / files[row].path, max_megapixels=config.max_megapixels),
            labels=None,
            label_names=(),
            identity=identity(files, config.max_megapixels),
            skip=config.unreadable == "skip",
            remedy=f"remove it, or set data.unreadable=skip; `{command}` lists all",
        )


def _plain(name: str) -> str:
    """The name of an image in a table, without the suffix that it may have."""
    path = PurePath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in SUFFIXES else name


def _line_of(name: str, lines: Mapping[str, int]) -> int | None:
    """The line of an image, which the table may call by its path within the root or within the split's folder."""
    part, _, within = name.partition("/")
    return lines.get(name, lines.get(within) if part in ("train", *HELD_OUT) else None)


def _column(name: str, table: AttributeTable, config: AttributesConfig) -> int:
    if name not in table.names:
        near = difflib.get_close_matches(name, table.names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its attributes are {few(table.names)}"
        raise DataError(f"data.attributes: {config.table} has no column {name!r}: {hint}")
    return table.names.index(name)


_VALUES = ("0", "-1", "1")


@dataclass(frozen=True)
class AttributeTable:
    """The attributes of images.

    Args:
        images: the name of each, as the table has it.
        names: of the attributes.
        values: (images, attributes), 0 or 1.
    """

    images: tuple[str, ...]
    names: tuple[str, ...]
    values: npt.NDArray[np.float32]


def read_table(path: Path, name_column: str | None = None) -> AttributeTable:
    """Reads a CSV file with a header, or lines of words as in CelebA's list_attr_celeba.txt.

    That file opens with the number of images and a line of attributes, which has no name for the first column.

    Args:
        path: of the file.
        name_column: the column that names the image; the first one if None.

    Raises:
        DataError: it cannot be read, or a line of it is wrong; the text names the line.
    """
    lines = _lines(path)
    header, rows = lines[0][1], lines[1:]
    if rows and len(rows[0][1]) == len(header) + 1:
        header = ["", *header]
    column = 0
    if name_column is not None:
        if name_column not in header:
            raise DataError(f"{path} has no column {name_column!r}; its columns are {', '.join(header)}")
        column = header.index(name_column)
    names = tuple(header[:column] + header[column + 1 :])
    if not names or not rows:
        raise DataError(f"{path} holds no attributes; it takes a line for each image and a column for each attribute")
    for number, fields in rows:
        if len(fields) != len(header):
            raise DataError(f"{path}:{number}: {len(fields)} values where the header has {len(header)} columns")
    images = tuple(fields[column] for _, fields in rows)
    words = np.array([fields[:column] + fields[column + 1 :] for _, fields in rows])
    _check(path, [number for number, _ in rows], images, names, words)
    return AttributeTable(images, names, (words == "1").astype(np.float32))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The fields of every line that holds any, with its number; CelebA's number of images is left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(f"the table {path} cannot be read ({reason}); set data.table to a CSV file") from None
    raw = text.splitlines()
    parsed = csv.reader(raw) if any("," in line for line in raw[:2]) else (line.split() for line in raw)
    lines = [(number, [field.strip() for field in fields]) for number, fields in enumerate(parsed, 1) if any(fields)]
    if lines and len(lines[0][1]) == 1 and lines[0][1][0].isdigit():
        lines = lines[1:]
    if not lines:
        raise DataError(f"the table {path} is empty; it takes a header, and a line for each image")
    return lines


def _check(
    path: Path, numbers: Sequence[int], images: Sequence[str], names: Sequence[str], words: npt.NDArray[np.str_]
) -> None:
    wrong = np.argwhere(~np.isin(words, _VALUES))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{path}:{numbers[row]}: {names[column]} is {str(words[row, column])!r}; write 1 where the image has the "
            "attribute, and 0 or -1 where it has not"
        )
    for what, found in (("columns", names), ("lines", images)):
        name, count = Counter(found).most_common(1)[0]
        if count > 1:
            raise DataError(f"{path} has {count} {what} for {name!r}; leave one of them")
