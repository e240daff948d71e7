"""Messages about invalid options: the expected and the given value, in place of pydantic's own messages."""

from __future__ import annotations

import enum
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from gancli.errors import did_you_mean
from gancli.recipes.yaml import KeyPath, inline

SECTIONS = ("data", "model", "train", "eval")
"""Sections of a recipe that contain options; its only other key is `family`."""

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}

_MAX_VALUE = 40  # characters of a wrong value in a message


class Problem(NamedTuple):
    """A message about an option, the keys that lead to it, and whether the last key is wrong rather than its value."""

    message: str
    path: KeyPath
    key: bool


def problems(
    error: ValidationError, model: type[BaseModel], section: str, given: Any, elsewhere: Mapping[str, Iterable[str]]
) -> Iterator[Problem]:
    """Yield one problem for every invalid option.

    Args:
        error: error raised by pydantic.
        model: class that was validated.
        section: its section of the recipe.
        given: plain data that was validated.
        elsewhere: options of the other sections, for options that are in the wrong one.
    """
    wrong: dict[KeyPath, Problem] = {}
    for detail in error.errors(include_url=False):
        path = _key_path(given, detail["loc"])
        name, field, owner = _field(model, path)
        dotted = ".".join((section, *name))
        if detail["type"] == "extra_forbidden":
            message = unknown_option(str(path[-1]), ".".join((section, *name[:-1])), owner.model_fields, elsewhere)
            yield Problem(message, (section, *path), True)
        elif detail["type"] == "missing" and (missing := _missing(model, path, detail["loc"][-1])):
            yield Problem(f"{dotted} needs {missing}", (section, *path), True)
        elif detail["type"] in ("value_error", "assertion_error"):
            reason = str(detail["ctx"]["error"])
            colon = "" if reason.startswith("must ") else ":"
            yield Problem(f"{dotted}{colon} {reason}", (section, *path), not path)
        else:
            kind = wanted(field.annotation, field.metadata) if field else ""
            value = shown(_at(given, name))
            message = f"{dotted} must be {kind}, not {value}" if kind else f"{dotted}: {detail['msg']}, not {value}"
            if name not in wrong or len(wrong[name].path) <= len(path):
                wrong[name] = Problem(message, (section, *path), False)
    yield from wrong.values()


def unknown_option(name: str, section: str, known: Iterable[str], elsewhere: Mapping[str, Iterable[str]]) -> str:
    """Return the message about an option that its section does not have."""
    names = list(known)
    sections = [other for other, options in elsewhere.items() if name in options]
    if sections:
        return f"unknown option {name!r} in {section}: it belongs in {sections[0]}"
    otherwise = f"it has {_listed(names)}" if names else "it takes no options"
    return f"unknown option {name!r} in {section}: {did_you_mean(name, names, otherwise)}"


def unknown_section(name: str, elsewhere: Mapping[str, Iterable[str]] | None = None) -> str:
    """Return the message about a key at the top of a recipe that is not a section."""
    sections = [other for other, options in (elsewhere or {}).items() if name in options]
    if sections:
        return f"unknown section {name!r}: it is an option of {sections[0]}; move it there"
    keys = ("family", *SECTIONS)
    return f"unknown section {name!r}: {did_you_mean(name, keys, f'a recipe has {_listed(keys)}')}"


def shown(value: Any) -> str:
    """Return a value for a message: short, and as written in a recipe."""
    if isinstance(value, dict):
        return "a mapping"
    text = repr(value) if isinstance(value, str) else inline(value)
    return text if len(text) <= _MAX_VALUE else text[:_MAX_VALUE] + "…"


def wanted(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Return the expected kind of value, such as "a whole number greater than 0"; "" for other annotations."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = [
            item for extra in arguments[1:] for item in (extra.metadata if isinstance(extra, FieldInfo) else [extra])
        ]
        return wanted(arguments[0], [*inner, *metadata])
    if origin in (Union, types.UnionType):
        parts = [wanted(part, metadata) for part in arguments if part is not type(None)]
        return " or ".join(dict.fromkeys(parts)) if all(parts) else ""
    if origin is Literal:
        return _listed([shown(value) for value in arguments], " or ")
    if origin in (tuple, list):
        return _wanted_list(arguments, metadata)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _listed([shown(member.value) for member in annotation], " or ")
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, (dict, BaseModel))):
        return "a mapping of options"
    word = _WORDS.get(annotation, "")
    return f"{word} {_bounds(metadata)}".rstrip() if annotation in (int, float) else word


def _wanted_list(arguments: tuple[Any, ...], metadata: Sequence[Any]) -> str:
    kinds = [wanted(part) for part in arguments if part is not Ellipsis]
    if not all(kinds):
        return "a list"
    if len(kinds) > 1 and len(set(kinds)) > 1:
        return f"a list of {len(kinds)} items: {', '.join(kinds)}"
    if len(kinds) > 1:
        return f"a list of {len(kinds)} items, each {kinds[0]}"
    least = next((item.min_length for item in metadata if getattr(item, "min_length", None)), 0)
    size = f" of at least {least} item{'s' * (least > 1)}" if least else ""
    return f"a list{size}, each item {kinds[0]}"


def _bounds(metadata: Sequence[Any]) -> str:
    def bound(name: str) -> Any:
        return next((value for item in metadata if (value := getattr(item, name, None)) is not None), None)

    low = f"at least {bound('ge')}" if bound("ge") is not None else ""
    low = f"greater than {bound('gt')}" if bound("gt") is not None else low
    high = f"at most {bound('le')}" if bound("le") is not None else ""
    high = f"less than {bound('lt')}" if bound("lt") is not None else high
    step = f"a multiple of {bound('multiple_of')}" if bound("multiple_of") is not None else ""
    return _listed([part for part in (low, high, step) if part])


def _listed(words: Iterable[str], last: str = " and ") -> str:
    *first, end = [*words] or [""]
    return f"{', '.join(first)}{last}{end}" if first else end


def _key_path(given: Any, location: Sequence[str | int]) -> KeyPath:
    """Return the keys of a location of pydantic's, without the members of unions, which are not in the file."""
    path: list[str | int] = []
    for part in location:
        is_key = isinstance(given, dict) and part in given
        if is_key or (isinstance(given, list) and isinstance(part, int) and part < len(given)):
            given = given[part]
            path.append(part)
    return tuple(path)


def _missing(model: type[BaseModel], path: KeyPath, option: str | int) -> str:
    name, field, _ = _field(model, (*path, option))
    if field is None or name != (*path, option):  # an item of a list, which pydantic reports in the same way
        return ""
    return f"{option!r} ({field.description})" if field.description else repr(option)


def _field(model: type[BaseModel], path: KeyPath) -> tuple[tuple[str, ...], FieldInfo | None, type[BaseModel]]:
    """Return the option at or around a path: its keys, its field and its class."""
    name: tuple[str, ...] = ()
    field = None
    for part in path:
        inner = next((kind for kind in _members(field) if issubclass(kind, BaseModel)), None) if field else model
        if inner is None:
            break
        model, field, name = inner, inner.model_fields.get(str(part)), (*name, str(part))
        if field is None:
            break
    return name, field, model


def _members(field: FieldInfo) -> list[type]:
    kinds = get_args(field.annotation) or (field.annotation,)
    return [kind for kind in kinds if isinstance(kind, type)]


def _at(given: Any, name: Sequence[str]) -> Any:
    for part in name:
        given = given[part]
    return given
