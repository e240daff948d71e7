"""The YAML that recipes are written in: plain data with the place of every key and value, and no surprises.

It differs from `yaml.safe_load` in what it refuses: duplicate keys, tags, anchors and aliases, several documents, keys
that are not text, infinities, and anything too large or too deep. Plain scalars follow the core schema of YAML 1.2:
`1e-3` and `1E5` are numbers, `012` is twelve, `yes`, `off`, `1:30` and `2024-01-01` are text. One addition: digits may
be grouped, as in `150_000`. Documents are built from PyYAML's flat stream of events, so no text can exhaust the stack.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

import yaml
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from gancli.errors import UsageError

MAX_BYTES = 64 * 1024
"""Longest document, in bytes. The longest bundled recipe has about 2 KB."""

MAX_DEPTH = 20
"""Deepest nesting of mappings and lists."""

Value = dict[str, Any] | list[Any] | str | int | float | bool | None

Trail = tuple[str | int, ...]

_NULL = re.compile(r"(null|Null|NULL|~|)\Z")

_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")

_INT = re.compile(r"[-+]?[0-9]+(_[0-9]+)*\Z", re.ASCII)

_BASED = re.compile(r"0(o[0-7]+|x[0-9a-fA-F]+)\Z")

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", re.ASCII)

_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")

_BARE = re.compile(r"[A-Za-z~/.][A-Za-z0-9_./-]*\Z")

_QUOTE = "put text with special characters in quotes"

_SENTENCES = {
    "found character '\\t' that cannot start any token": "a tab cannot stand here; indent and separate with spaces",
    "mapping values are not allowed here": "a ':' cannot stand here; give every option a line, all indented alike",
    "could not find expected ':'": "this line is no `key: value`; put a colon and a space after the key",
    "expected ',' or ']', but got": f"this list is not closed; separate items with ',', end with ']', and {_QUOTE}",
    "expected ',' or '}', but got": f"this mapping is not closed; separate with ',', end with '}}', and {_QUOTE}",
    "found unexpected end of stream": "this quote is not closed; add the closing one",
    "expected <block end>, but found": f"this does not fit the lines above; indent options alike, and {_QUOTE}",
    "expected the node content": "a value is missing here, or a bracket before it is not closed",
    "cannot start any token": "this character cannot start a value; put the text in quotes",
    "found unknown escape character": "unknown escape in double quotes; write \\\\ for a backslash",
}


class YamlError(UsageError):
    """A document that is not a recipe's YAML. The text begins with `name:line:column: `."""


@dataclass(frozen=True)
class Place:
    """Where something stands in a file, both numbers counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass
class Document:
    """A parsed document.

    Args:
        name: of the file, for errors.
        value: the data, out of dict, list, str, int, float, bool and None.
    """

    name: str
    value: Any
    _places: dict[tuple[Trail, bool], Place] = field(default_factory=dict, repr=False)

    def place(self, path: Trail, key: bool = False) -> Place:
        """Where the value at `path` begins, or its key; where there is none, the nearest one around it."""
        for end in range(len(path), 0, -1):
            found = self._places.get((path[:end], key or end < len(path))) or self._places.get((path[:end], False))
            if found:
                return found
        return self._places.get(((), False), Place(1, 1))


class _Events(Reader, Scanner, Parser):
    """PyYAML's loader without its composer and constructor, which recurse and which resolve tags."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


def decode(data: bytes, *, name: str) -> str:
    """The text of a file.

    Raises:
        YamlError: it is longer than `MAX_BYTES` or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise YamlError(f"{name}:1:1: longer than {MAX_BYTES // 1024} KB; a recipe is a short file of options")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        raise YamlError(f"{name}:{_end_of(before)}: not UTF-8; save the file as UTF-8 text") from None


def parse(text: str, *, name: str) -> Document:
    """A document whose top is a mapping.

    Args:
        text: the YAML.
        name: what errors call the file.

    Raises:
        YamlError: it is anything else, or anything the module's docstring refuses.
    """
    document = _Builder(text, name).document()
    if not isinstance(document.value, dict):
        what = "empty" if document.value is None else "not a mapping"
        raise YamlError(f"{name}:{document.place(())}: {what}; a recipe is made of `key: value` lines")
    return document


def parse_value(text: str, *, name: str) -> Value:
    """A single value, such as `64`, `[28, 28]` or `digits`. Errors begin with `name: `, without a place."""
    return cast(Value, _Builder(text, name, located=False).document().value)


def write(value: Mapping[str, Any]) -> str:
    """A mapping as YAML that `parse` reads back to an equal one: one option a line, lists and inner values inline."""
    lines = []
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            lines += [f"{inline(key)}:", *(f"  {inline(name)}: {inline(inner)}" for name, inner in item.items())]
        else:
            lines.append(f"{inline(key)}: {inline(item)}")
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    """A value on one line, as `parse_value` reads it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(key)}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, str):
        bare = _BARE.match(value) and not (_NULL.match(value) or _BOOL.match(value) or _NOT_FINITE.match(value))
        return value if bare and not _FLOAT.match(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, allow_nan=False)


class _Builder:
    """One pass over the events of a text."""

    def __init__(self, text: str, name: str, *, located: bool = True) -> None:
        self._text = text
        self._name = name
        self._located = located
        self._places: dict[tuple[Trail, bool], Place] = {}

    def document(self) -> Document:
        if len(self._text.encode(errors="replace")) > MAX_BYTES:
            self._fail(Place(1, 1), f"longer than {MAX_BYTES // 1024} KB; a recipe is a short file of options")
        try:
            self._events: Any = _Events(self._text)
            return Document(self._name, self._whole(), self._places)
        except ReaderError as error:
            place = _end_of(self._text[: error.position])
            self._fail(place, f"the character U+{int(error.character):04X} cannot stand in a recipe; remove it")
        except yaml.MarkedYAMLError as error:
            self._fail(*_reworded(error))
        except (ValueError, OverflowError):  # PyYAML: chr() of an escape beyond Unicode, int() of a directive
            here = _place(self._events.get_mark())
            self._fail(here, "an escape or a directive out of range; put text with backslashes in single quotes")

    def _whole(self) -> Value:
        self._next()  # the start of the stream
        if self._events.check_event(yaml.StreamEndEvent):
            return None
        self._next()
        value = self._node(())
        self._next()
        end = self._next()
        if not isinstance(end, yaml.StreamEndEvent):
            self._fail(_place(end.start_mark), "a second document begins here; keep one in a file")
        return value

    def _next(self) -> Any:
        return self._events.get_event()

    def _node(self, path: Trail) -> Value:
        event, place = self._plain()
        self._places[path, False] = place
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if len(path) >= MAX_DEPTH:
            self._fail(place, f"nested more than {MAX_DEPTH} deep; a recipe is flat")
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _plain(self) -> tuple[Any, Place]:
        event = self._next()
        place = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._fail(place, f"the alias *{event.anchor} is not allowed; write the value out, or quote the text")
        if event.anchor is not None:
            self._fail(place, f"the anchor &{event.anchor} is not allowed; write values out, or quote the text")
        if event.tag is not None:
            self._fail(place, "a tag (!) is not allowed, a recipe holds plain data; remove it, or quote the text")
        return event, place

    def _list(self, path: Trail) -> list[Value]:
        items: list[Value] = []
        while not self._events.check_event(yaml.SequenceEndEvent):
            items.append(self._node((*path, len(items))))
        self._next()
        return items

    def _mapping(self, path: Trail) -> dict[str, Value]:
        items: dict[str, Value] = {}
        while not self._events.check_event(yaml.MappingEndEvent):
            event, place = self._plain()
            if not isinstance(event, yaml.ScalarEvent):
                self._fail(place, "a key must be a word, not a list or mapping; look for a stray bracket or '?'")
            key = self._scalar(event, place)
            if not isinstance(key, str):
                self._fail(place, f"the key {json.dumps(key)} is not text; put it in quotes")
            if key in items:
                first = self._places[(*path, key), True]
                self._fail(place, f"{key!r} is given twice, first on line {first.line}; remove one of them")
            self._places[(*path, key), True] = place
            items[key] = self._node((*path, key))
        self._next()
        return items

    def _scalar(self, event: Any, place: Place) -> str | int | float | bool | None:
        text: str = event.value
        if found := _UNPRINTABLE.search(text):
            self._fail(place, f"the character U+{ord(found[0]):04X} cannot stand in a recipe; remove it")
        if not event.implicit[0]:
            return text
        if _NULL.match(text):
            return None
        if _BOOL.match(text):
            return text.lower() == "true"
        if _NOT_FINITE.match(text):
            self._fail(place, f"{text} is not a finite number; give a number, or leave the option out")
        return self._number(text, place)

    def _number(self, text: str, place: Place) -> str | int | float:
        if len(text) > 400 and (_INT.match(text) or _BASED.match(text) or _FLOAT.match(text)):
            self._fail(place, "a number of more than 400 characters; quote it if it is text")
        if _BASED.match(text):
            return int(text, 0)
        if _INT.match(text):
            return int(text)
        if not _FLOAT.match(text):
            return text
        number = float(text)
        if not math.isfinite(number):
            self._fail(place, f"{text} is too large for a number; give a smaller one")
        return number

    def _fail(self, place: Place, sentence: str) -> NoReturn:
        where = f"{self._name}:{place}" if self._located else self._name
        raise YamlError(f"{where}: {sentence}") from None


def _reworded(error: yaml.MarkedYAMLError) -> tuple[Place, str]:
    problem = error.problem or "it ends too early"
    for part, sentence in _SENTENCES.items():
        if part in problem:
            # What was never closed is found at the end of the file, but mended where it was opened.
            unclosed = "closed" in sentence and error.context_mark
            return _place(unclosed or error.problem_mark), sentence
    place = _place(error.problem_mark or error.context_mark)
    return place, f"not valid YAML ({problem}); {_QUOTE}"


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _end_of(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))
