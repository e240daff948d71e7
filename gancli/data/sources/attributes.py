"""The user's images with attributes from a table: a CSV file, or the text file of CelebA (Liu et al. 2015)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import AttributesConfig
from gancli.data.sources.listing import HELD_OUT, SUFFIXES, check_root, encoded_files, skip_remedy
from gancli.data.sources.splits import SplitFolder, abbreviate, list_split, unmatched
from gancli.errors import DataError, did_you_mean
from gancli.io.types import Progress

_VALUES = ("0", "-1", "1")


class AttributesSource(Source[AttributesConfig]):
    """`attributes` are those of `image`; the labels of the spec are their names."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        matches = self._match()
        if matches.problems:
            raise DataError(matches.problems[0])
        packed = pack.pack(matches.encoded, self.config, progress)
        return replace(packed, spec=replace(packed.spec, labels=matches.names))

    def survey(self, progress: Progress | None = None) -> DataSummary:
        matches = self._match()
        encoded = matches.encoded
        summary = pack.summarize(encoded, self.config, matches.ignored, progress)
        unreadable = {name for name, _ in summary.unreadable}
        readable = [encoded.name(row) not in unreadable for row in range(encoded.count)]
        counts = encoded.beside["attributes"][readable].sum(0)
        labels = {name: int(count) for name, count in zip(matches.names, counts, strict=True)}
        return replace(summary, labels=labels, problems=tuple(matches.problems))

    def _match(self) -> _Matches:
        config = self.config
        check_root(config.root)
        folder = list_split(config.root, "", config.split, config.test_share)
        table = read_table(config.table, config.name_column)
        lines = {_without_suffix(name): row for row, name in enumerate(table.images)}
        rows = {name: row for name in folder.files if (row := _line_of(name, lines)) is not None}
        if not rows:
            raise DataError(
                f"{config.table} has no line for an image in {config.root}; its first name is {table.images[0]!r}: "
                "check data.table and data.name_column"
            )
        columns = [_column(name, table, config) for name in config.attributes or table.names]
        encoded = encoded_files(
            config.root,
            [folder.files[name] for name in rows],
            max_megapixels=config.max_megapixels,
            skip=config.unreadable == "skip",
            remedy=skip_remedy(
                "attributes", "--set", f"data.root={config.root}", "--set", f"data.table={config.table}"
            ),
        )
        attributes = np.ascontiguousarray(table.values[list(rows.values())][:, columns])
        return _Matches(
            encoded=replace(encoded, beside={"attributes": attributes}),
            names=tuple(table.names[column] for column in columns),
            ignored=[path for path in folder.ignored if (config.root / path).absolute() != config.table.absolute()],
            problems=self._problems(folder, rows, lines),
        )

    def _problems(self, folder: SplitFolder, rows: Mapping[str, int], lines: Mapping[str, int]) -> list[str]:
        config = self.config
        if config.unmatched == "skip":
            return []
        problems = []
        if names := unmatched(folder.files, rows):
            problems.append(
                f"{len(names):,} of {len(folder.files):,} images in {config.root} have no line in {config.table} "
                f"({abbreviate(names)}); add lines, remove the images, or set data.unmatched=skip"
            )
        all_names = set(list_split(config.root, "", "all", 0).files) if lines else set()
        used = {_line_of(name, lines) for name in all_names}
        if names := [name for name, row in lines.items() if row not in used]:
            problems.append(
                f"{len(names):,} of {len(lines):,} lines of {config.table} have no image in {config.root} "
                f"({abbreviate(names)}); add images, remove the lines, or set data.unmatched=skip"
            )
        return problems


@dataclass(frozen=True)
class _Matches:
    """Images that have a line in the table, with names of the attributes, ignored files, and unmatched names."""

    encoded: pack.EncodedImages
    names: tuple[str, ...]
    ignored: list[str]
    problems: list[str]


@dataclass(frozen=True)
class AttributeTable:
    """Attributes of images.

    Args:
        images: names of the images, as in the table.
        names: names of the attributes.
        values: (images, attributes), 0 or 1.
    """

    images: tuple[str, ...]
    names: tuple[str, ...]
    values: npt.NDArray[np.float32]


def read_table(path: Path, name_column: str | None = None) -> AttributeTable:
    """Read a CSV file with a header, or a file of words separated by spaces, such as CelebA's list_attr_celeba.txt.

    CelebA's file begins with the number of images and a line of attributes without a name for the first column.

    Args:
        path: the file.
        name_column: column with the names of the images (None: the first column).

    Raises:
        DataError: the file cannot be read, or a line is invalid; the message has its number.
    """
    lines = _read_lines(path)
    header, rows = lines[0][1], lines[1:]
    if rows and len(rows[0][1]) == len(header) + 1:
        header = ["", *header]
    column = 0
    if name_column is not None:
        if name_column not in header:
            raise DataError(f"{path} has no column {name_column!r}; set data.name_column to one of {', '.join(header)}")
        column = header.index(name_column)
    names = tuple(header[:column] + header[column + 1 :])
    if not names or not rows:
        raise DataError(f"{path} has no attributes; it needs one line per image and one column per attribute")
    for number, fields in rows:
        if len(fields) != len(header):
            raise DataError(
                f"{path}:{number}: {len(fields)} values, but the header has {len(header)} columns; correct the line"
            )
    images = tuple(fields[column] for _, fields in rows)
    words = np.array([fields[:column] + fields[column + 1 :] for _, fields in rows])
    _check_table(path, [number for number, _ in rows], images, names, words)
    return AttributeTable(images, names, (words == "1").astype(np.float32))


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return number and fields of each non-empty line, without the number of images of CelebA's file."""
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
        raise DataError(f"the table {path} is empty; it needs a header, and one line per image")
    return lines


def _check_table(
    path: Path, numbers: Sequence[int], images: Sequence[str], names: Sequence[str], words: npt.NDArray[np.str_]
) -> None:
    wrong = np.argwhere(~np.isin(words, _VALUES))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{path}:{numbers[row]}: {names[column]} is {str(words[row, column])!r}; write 1 if the image has the "
            "attribute, and 0 or -1 if not"
        )
    for noun, entries in (("columns", names), ("lines", images)):
        name, count = Counter(entries).most_common(1)[0]
        if count > 1:
            raise DataError(f"{path} has {count} {noun} for {name!r}; remove all but one")


def _without_suffix(name: str) -> str:
    """Remove the suffix of an image file from a name in a table, if there is one."""
    path = PurePath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in SUFFIXES else name


def _line_of(name: str, lines: Mapping[str, int]) -> int | None:
    """Return the line of an image, named by its path within the root or within the folder of its split."""
    part, _, inner = name.partition("/")
    return lines.get(name, lines.get(inner) if part in ("train", *HELD_OUT) else None)


def _column(name: str, table: AttributeTable, config: AttributesConfig) -> int:
    if name not in table.names:
        hint = did_you_mean(name, table.names, f"its attributes are {abbreviate(table.names)}")
        raise DataError(f"data.attributes: {config.table} has no column {name!r}: {hint}")
    return table.names.index(name)
