"""Lists of seeds, and sums of them: "12,40,77 - 3,8,19 + 5,6,21"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gancli.errors import UsageError

LARGEST_SEED = 2**32 - 1

_TOKEN = re.compile(r"[0-9]+|[^0-9\s]")

_SIGNS = {"+": 1, "-": -1, "\N{MINUS SIGN}": -1, "\N{EN DASH}": -1}


@dataclass(frozen=True)
class Group:
    """Seeds whose latents are averaged, and whether the mean is added (1) or taken away (-1)."""

    sign: int
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.seeds))


def parse_sum(text: str) -> list[Group]:
    """The groups of a sum, in their order; the first may have a sign too.

    Raises:
        UsageError: the text is none; the sentence names the column, counted from 1.
    """
    tokens = _Tokens(text)
    groups = [_group(tokens, tokens.sign() or 1)]
    while not tokens.done:
        sign = tokens.sign()
        if sign is None:
            raise tokens.expected("',', '+' or '-'")
        groups.append(_group(tokens, sign))
    return groups


def parse_seeds(text: str) -> list[int]:
    """Seeds with commas between them.

    Raises:
        UsageError: the text is none; the sentence names the column, counted from 1.
    """
    tokens = _Tokens(text)
    group = _group(tokens, 1)
    if not tokens.done:
        raise tokens.expected("','")
    return list(group.seeds)


def in_words(groups: Sequence[Group]) -> str:
    """A sum as it is written: `parse_sum` reads it back."""
    text = " ".join(f"{'+' if group.sign > 0 else '-'} {group}" for group in groups)
    return text.removeprefix("+ ")


class _Tokens:
    """Numbers and signs, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = [(match.start() + 1, match.group()) for match in _TOKEN.finditer(text)]
        self._next = 0

    @property
    def done(self) -> bool:
        return self._next == len(self._found)

    def seed(self) -> int:
        word = "" if self.done else self._found[self._next][1]
        if not word.isdecimal():
            raise self.expected("a seed (a whole number)")
        if len(word) > len(str(LARGEST_SEED)) or int(word) > LARGEST_SEED:
            raise self.expected(f"a seed of at most {LARGEST_SEED}")
        self._next += 1
        return int(word)

    def comma(self) -> bool:
        return self._took(",")

    def sign(self) -> int | None:
        return next((value for sign, value in _SIGNS.items() if self._took(sign)), None)

    def _took(self, word: str) -> bool:
        took = not self.done and self._found[self._next][1] == word
        self._next += took
        return took

    def expected(self, what: str) -> UsageError:
        if self.done:
            return UsageError(f"{self._text!r} ends too early: {what} is expected at column {len(self._text) + 1}")
        column, word = self._found[self._next]
        return UsageError(f"{self._text!r}: {what} is expected at column {column}, not {word!r}")


def _group(tokens: _Tokens, sign: int) -> Group:
    seeds = [tokens.seed()]
    while tokens.comma():
        seeds.append(tokens.seed())
    return Group(sign, tuple(seeds))
