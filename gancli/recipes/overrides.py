"""A recipe before validation: the values of the file and of every `--set`, with their origins.

Errors are collected, so that all of them are shown at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gancli.errors import UsageError
from gancli.recipes.messages import SECTIONS, shown, unknown_section
from gancli.recipes.yaml import Document, KeyPath, YamlError, parse_value

_MAX_OVERRIDE = 80  # characters of a --set in a message


@dataclass(frozen=True, order=True)
class _Error:
    """One line of the error message; lines are ordered by rank and position."""

    rank: int
    order: tuple[int, int, int]
    text: str


class Draft:
    """The sections of a recipe as plain data.

    Args:
        document: the file.
        overrides: `section.option=value` or `family=name`; each replaces the value of the file or of an earlier one,
            and `null` restores the default.

    Attributes:
        sections: options by section.
        resets: names of the options that a `--set` restored to their default, by section.
    """

    def __init__(self, document: Document, overrides: Sequence[str]) -> None:
        self._document = document
        self._set: dict[KeyPath, tuple[int, str]] = {}
        self._errors: list[_Error] = []
        self.family: Any = document.value.get("family")
        self.sections: dict[str, dict[str, Any]] = {name: self._section(name) for name in SECTIONS}
        self.resets: dict[str, set[str]] = {name: set() for name in SECTIONS}
        for index, override in enumerate(overrides):
            self._override(index, override)

    def unknown_keys(self) -> list[str]:
        """Return the keys at the top of the file that are not part of a recipe."""
        return [key for key in self._document.value if key not in ("family", *SECTIONS)]

    def add_error(self, message: str, path: KeyPath, *, key: bool = False, rank: int = 1) -> None:
        """Add an error about a value, or about its key.

        Args:
            message: the problem, and what to do.
            path: keys that lead to the value.
            key: True if the key is wrong.
            rank: errors of rank 0 are shown before those of rank 1, which they probably caused.
        """
        index, label = self._set.get(path[:2], (-1, ""))
        if label:
            self._errors.append(_Error(rank, (1, index, 0), f"{label}: {message}"))
        else:
            position = self._document.position(path, key)
            text = f"{self._document.name}:{position}: {message}"
            self._errors.append(_Error(rank, (0, position.line, position.column), text))

    def raise_errors(self) -> None:
        """Raise the collected errors, if there are any.

        Raises:
            UsageError: one line for each error, the most important first.
        """
        if self._errors:
            raise UsageError("\n".join(dict.fromkeys(error.text for error in sorted(self._errors))))

    def _section(self, name: str) -> dict[str, Any]:
        value = self._document.value.get(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return dict(value)
        self.add_error(f"{name} must be a mapping of options, not {shown(value)}", (name,), rank=0)
        return {}

    def _override(self, index: int, override: str) -> None:
        label = f"--set {_printable(override)}"
        name, equals, text = override.partition("=")
        section, dot, option = name.strip().partition(".")
        problem = _wrong_usage(section, option, dotted=bool(dot), equals=bool(equals), text=text)
        value = None
        if not problem:
            try:
                value = parse_value(text, name=label)
            except YamlError as error:
                problem = str(error).removeprefix(f"{label}: ")
        if problem:
            self._errors.append(_Error(1, (1, index, 0), f"{label}: {problem}"))
        elif section == "family":
            self._set["family",] = (index, label)
            self.family = value
        else:
            self._set[section, option] = (index, label)
            self._put(section, option, value)

    def _put(self, section: str, option: str, value: Any) -> None:
        if value is None:
            self.sections[section].pop(option, None)
            self.resets[section].add(option)
        else:
            self.sections[section][option] = value
            self.resets[section].discard(option)


def _printable(override: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in override)
    return text if len(text) <= _MAX_OVERRIDE else text[:_MAX_OVERRIDE] + "…"


def _wrong_usage(section: str, option: str, *, dotted: bool, equals: bool, text: str) -> str:
    """Return the problem with the form of a `--set`; "" if there is none."""
    if not section:
        return "no option is named; write --set section.option=value"
    if section not in ("family", *SECTIONS):
        return unknown_section(section)
    if section == "family" and dotted:
        return "family has no options; write --set family=name"
    if section != "family" and not option:
        return f"no option of {section} is named; write --set {section}.option=value"
    if not equals:
        return "there is no '='; write --set section.option=value"
    empty = not text.strip() or text.strip().startswith("#")  # a comment in YAML
    return "there is no value after '='; write null for the default" if empty else ""
