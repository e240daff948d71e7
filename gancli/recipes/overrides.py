"""A recipe before it is checked: what the file and every `--set` say, and where each part of it was said.

Mistakes are collected rather than raised, so that all of them are shown at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gancli.errors import UsageError
from gancli.recipes.messages import SECTIONS, shown, unknown_section
from gancli.recipes.yaml import Document, Trail, YamlError, parse_value

_LONGEST = 80  # characters of a --set that an error repeats


@dataclass(frozen=True, order=True)
class Mistake:
    """One line of a recipe's error; they are shown in the order of `rank` and place."""

    rank: int
    order: tuple[int, int, int]
    text: str


class Draft:
    """The sections of a recipe as plain data.

    Args:
        document: the file.
        overrides: `section.option=value`, each replacing what the file or an earlier one says; `null` stands for the
            default.
    """

    def __init__(self, document: Document, overrides: Sequence[str]) -> None:
        self._document = document
        self._set: dict[Trail, tuple[int, str]] = {}
        self._mistakes: list[Mistake] = []
        self.family: Any = document.value.get("family")
        self.sections: dict[str, dict[str, Any]] = {name: self._section(name) for name in SECTIONS}
        self.resets: dict[str, set[str]] = {name: set() for name in SECTIONS}
        """The options of each section that a `--set` puts back to their default."""
        for index, override in enumerate(overrides):
            self._override(index, override)

    def unknown_keys(self) -> list[str]:
        """The keys at the top of the file that no recipe has."""
        return [key for key in self._document.value if key not in ("family", *SECTIONS)]

    def mistake(self, sentence: str, trail: Trail, *, key: bool = False, rank: int = 1) -> None:
        """Notes a mistake at a value, or at its key.

        Args:
            sentence: what is wrong, and what to do.
            trail: the keys that lead to it.
            key: whether it is the key that is wrong.
            rank: mistakes of rank 0 are shown before those of rank 1, for they are likely to cause others.
        """
        index, label = self._set.get(trail[:2], (-1, ""))
        if label:
            self._mistakes.append(Mistake(rank, (1, index, 0), f"{label}: {sentence}"))
        else:
            place = self._document.place(trail, key)
            text = f"{self._document.name}:{place}: {sentence}"
            self._mistakes.append(Mistake(rank, (0, place.line, place.column), text))

    def finish(self) -> None:
        """Raises what has been noted.

        Raises:
            UsageError: one line for every mistake, the most important first.
        """
        if self._mistakes:
            raise UsageError("\n".join(dict.fromkeys(mistake.text for mistake in sorted(self._mistakes))))

    def _section(self, name: str) -> dict[str, Any]:
        value = self._document.value.get(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return dict(value)
        self.mistake(f"{name} must be a mapping of options, not {shown(value)}", (name,), rank=0)
        return {}

    def _override(self, index: int, override: str) -> None:
        label = f"--set {_repeated(override)}"
        name, equals, text = override.partition("=")
        section, dot, option = name.strip().partition(".")
        sentence = _misuse(section, option, dotted=bool(dot), equals=bool(equals), text=text)
        value = None
        if not sentence:
            try:
                value = parse_value(text, name=label)
            except YamlError as error:
                sentence = str(error).removeprefix(f"{label}: ")
        if sentence:
            self._mistakes.append(Mistake(1, (1, index, 0), f"{label}: {sentence}"))
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


def _repeated(override: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in override)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _misuse(section: str, option: str, *, dotted: bool, equals: bool, text: str) -> str:
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
    empty = not text.strip() or text.strip().startswith("#")  # a comment, to YAML
    return "there is no value after '='; write null for the default" if empty else ""
