"""Strict YAML for recipes: plain data with the position of every key and value.

In contrast to `yaml.safe_load` it rejects duplicate keys, tags, anchors and aliases, several documents, keys that are
not text, infinities, and documents that are too large or nested too deeply. Plain scalars follow the core schema of
YAML 1.2: `1e-3` and `1E5` are numbers, `012` is twelve, `yes`, `off`, `1:30` and `2024-01-01` are text. In addition,
digits may be grouped, as in `150_000`. Documents are built from PyYAML's flat stream of events, so no text can exhaust
the stack.
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
"""Maximum size of a document in bytes. The longest bundled recipe has about 2 KB."""

MAX_DEPTH = 20
"""Maximum nesting of mappings and lists."""

Value = dict[str, Any] | list[Any] | str | int | float | bool | None

KeyPath = tuple[str | int, ...]

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
    "found character '\\t' that cannot start any token": "a tab is not allowed here; indent and separate with spaces",
    "mapping values are not allowed here": "a ':' is not allowed here; write one option per line, equally indented",
    "could not find expected ':'": "this line is not `key: value`; put a colon and a space after the key",
    "expected ',' or ']', but got": f"this list is not closed; separate items with ',', end with ']', and {_QUOTE}",
    "expected ',' or '}', but got": f"this mapping is not closed; separate with ',', end with '}}', and {_QUOTE}",
    "found unexpected end of stream": "this quote is not closed; add the closing one",
    "expected <block end>, but found": f"this does not match the lines above; indent options equally, and {_QUOTE}",
    "expected the node content": "a value is missing here, or a bracket before it is not closed",
    "cannot start any token": "this character cannot start a value; put the text in quotes",
    "found unknown escape character": "unknown escape in double quotes; write \\\\ for a backslash",
}


class YamlError(UsageError):
    """A document that is not valid YAML of a recipe. The message begins with `name:line:column: `."""


@dataclass(frozen=True)
class Position:
    """A position in a file; both numbers count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass
class Document:
    """A parsed document.

    Args:
        name: name of the file in messages.
        value: data, made of dict, list, str, int, float, bool and None.
    """

    name: str
    value: Any
    _positions: dict[tuple[KeyPath, bool], Position] = field(default_factory=dict, repr=False)

    def position(self, path: KeyPath, key: bool = False) -> Position:
        """Return the position of the value at `path`, or of its key; without one, that of the nearest parent."""
        for end in range(len(path), 0, -1):
            position = self._positions.get((path[:end], key or end < len(path)))
            if position := position or self._positions.get((path[:end], False)):
                return position
        return self._positions.get(((), False), Position(1, 1))


class _Events(Reader, Scanner, Parser):
    """PyYAML's loader without its composer and constructor, which recurse and resolve tags."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


def decode(data: bytes, *, name: str) -> str:
    """Decode the content of a file.

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
    """Parse a document that is a mapping.

    Args:
        text: YAML.
        name: name of the file in messages.

    Raises:
        YamlError: it is not a mapping, or contains something that this module rejects.
    """
    document = _Builder(text, name).document()
    if not isinstance(document.value, dict):
        problem = "empty" if document.value is None else "not a mapping"
        raise YamlError(f"{name}:{document.position(())}: {problem}; a recipe consists of `key: value` lines")
    return document


def parse_value(text: str, *, name: str) -> Value:
    """Parse a single value, such as `64`, `[28, 28]` or `digits`. Messages begin with `name: `, without a position."""
    return cast(Value, _Builder(text, name, located=False).document().value)


def write(value: Mapping[str, Any]) -> str:
    """Return a mapping as YAML that `parse` reads back as equal: one option per line, lists and inner values inline."""
    lines = []
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            lines += [f"{inline(key)}:", *(f"  {inline(name)}: {inline(inner)}" for name, inner in item.items())]
        else:
            lines.append(f"{inline(key)}: {inline(item)}")
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    """Return a value as YAML on one line, as `parse_value` reads it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(key)}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, str):
        bare = _BARE.match(value) and not (_NULL.match(value) or _BOOL.match(value) or _NOT_FINITE.match(value))
        return value if bare and not _FLOAT.match(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, allow_nan=False)


class _Builder:
    """Builds a document in one pass over the events of a text."""

    def __init__(self, text: str, name: str, *, located: bool = True) -> None:
        self._text = text
        self._name = name
        self._located = located
        self._positions: dict[tuple[KeyPath, bool], Position] = {}

    def document(self) -> Document:
        if len(self._text.encode(errors="replace")) > MAX_BYTES:
            self._fail(Position(1, 1), f"longer than {MAX_BYTES // 1024} KB; a recipe is a short file of options")
        try:
            self._events: Any = _Events(self._text)
            return Document(self._name, self._root(), self._positions)
        except ReaderError as error:
            position = _end_of(self._text[: error.position])
            self._fail(position, f"the character U+{int(error.character):04X} is not allowed in a recipe; remove it")
        except yaml.MarkedYAMLError as error:
            self._fail(*_reword(error))
        except (ValueError, OverflowError):  # PyYAML: chr() of an escape beyond Unicode, int() of a directive
            here = _position(self._events.get_mark())
            self._fail(here, "an escape or a directive out of range; put text with backslashes in single quotes")

    def _root(self) -> Value:
        self._next()  # the start of the stream
        if self._events.check_event(yaml.StreamEndEvent):
            return None
        self._next()
        value = self._node(())
        self._next()
        end = self._next()
        if not isinstance(end, yaml.StreamEndEvent):
            self._fail(_position(end.start_mark), "a second document begins here; keep one document in a file")
        return value

    def _next(self) -> Any:
        return self._events.get_event()

    def _node(self, path: KeyPath) -> Value:
        event, position = self._next_plain()
        self._positions[path, False] = position
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, position)
        if len(path) >= MAX_DEPTH:
            self._fail(position, f"nested more than {MAX_DEPTH} deep; a recipe is flat")
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _next_plain(self) -> tuple[Any, Position]:
        event = self._next()
        position = _position(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._fail(position, f"the alias *{event.anchor} is not allowed; write the value out, or quote the text")
        if event.anchor is not None:
            self._fail(position, f"the anchor &{event.anchor} is not allowed; write values out, or quote the text")
        if event.tag is not None:
            self._fail(position, "a tag (!) is not allowed in a recipe; remove it, or quote the text")
        return event, position

    def _list(self, path: KeyPath) -> list[Value]:
        items: list[Value] = []
        while not self._events.check_event(yaml.SequenceEndEvent):
            items.append(self._node((*path, len(items))))
        self._next()
        return items

    def _mapping(self, path: KeyPath) -> dict[str, Value]:
        items: dict[str, Value] = {}
        while not self._events.check_event(yaml.MappingEndEvent):
            event, position = self._next_plain()
            if not isinstance(event, yaml.ScalarEvent):
                self._fail(position, "a key must be a word, not a list or mapping; look for a stray bracket or '?'")
            key = self._scalar(event, position)
            if not isinstance(key, str):
                self._fail(position, f"the key {json.dumps(key)} is not text; put it in quotes")
            if key in items:
                first = self._positions[(*path, key), True]
                self._fail(position, f"{key!r} is given twice, first on line {first.line}; remove one of them")
            self._positions[(*path, key), True] = position
            items[key] = self._node((*path, key))
        self._next()
        return items

    def _scalar(self, event: Any, position: Position) -> str | int | float | bool | None:
        text: str = event.value
        if unprintable := _UNPRINTABLE.search(text):
            self._fail(position, f"the character U+{ord(unprintable[0]):04X} is not allowed in a recipe; remove it")
        if not event.implicit[0]:
            return text
        if _NULL.match(text):
            return None
        if _BOOL.match(text):
            return text.lower() == "true"
        if _NOT_FINITE.match(text):
            self._fail(position, f"{text} is not a finite number; give a number, or omit the option")
        return self._number(text, position)

    def _number(self, text: str, position: Position) -> str | int | float:
        if len(text) > 400 and (_INT.match(text) or _BASED.match(text) or _FLOAT.match(text)):
            self._fail(position, "a number of more than 400 characters; quote it if it is text")
        if _BASED.match(text):
            return int(text, 0)
        if _INT.match(text):
            return int(text)
        if not _FLOAT.match(text):
            return text
        number = float(text)
        if not math.isfinite(number):
            self._fail(position, f"{text} is too large for a number; give a smaller one")
        return number

    def _fail(self, position: Position, sentence: str) -> NoReturn:
        where = f"{self._name}:{position}" if self._located else self._name
        raise YamlError(f"{where}: {sentence}") from None


def _reword(error: yaml.MarkedYAMLError) -> tuple[Position, str]:
    problem = error.problem or "unexpected end"
    for part, sentence in _SENTENCES.items():
        if part in problem:
            # A missing end is detected at the end of the file, but has to be fixed at the beginning.
            unclosed = "closed" in sentence and error.context_mark
            return _position(unclosed or error.problem_mark), sentence
    position = _position(error.problem_mark or error.context_mark)
    return position, f"not valid YAML ({problem}); {_QUOTE}"


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _end_of(text: str) -> Position:
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))
