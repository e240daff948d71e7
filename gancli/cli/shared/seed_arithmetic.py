"""Lists of seeds, and sums of groups of seeds: "12,40,77 - 3,8,19 + 5,6,21"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gancli.errors import UsageError

MAX_SEED = 2**32 - 1

_TOKEN = re.compile(r"[0-9]+|[^0-9\s]")

_SIGNS = {"+": 1, "-": -1, "\N{MINUS SIGN}": -1, "\N{EN DASH}": -1}


@dataclass(frozen=True)
class Group:
    """Seeds whose latents are averaged; the mean is added (sign 1) or subtracted (sign -1)."""

    sign: int
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.seeds))


def parse_sum(text: str) -> list[Group]:
    """Parse a sum into its groups. The first group may have a sign too.

    Raises:
        UsageError: the text is not a sum; the message gives the column, counted from 1.
    """
    tokens = _Tokens(text)
    groups = [_group(tokens, tokens.sign() or 1)]
    while not tokens.done:
        sign = tokens.sign()
        if sign is None:
            raise tokens.expected("',', '+' or '-'")
        groups.append(_group(tokens, sign))
    return groups


def format_sum(groups: Sequence[Group]) -> str:
    """Format a sum so that `parse_sum` reads it back."""
    text = " ".join(f"{'+' if group.sign > 0 else '-'} {group}" for group in groups)
    return text.removeprefix("+ ")


def parse_seeds(text: str) -> list[int]:
    """Parse comma-separated seeds.

    Raises:
        UsageError: the text is not a list of seeds; the message gives the column, counted from 1.
    """
    tokens = _Tokens(text)
    group = _group(tokens, 1)
    if not tokens.done:
        raise tokens.expected("','")
    return list(group.seeds)


def _group(tokens: _Tokens, sign: int) -> Group:
    seeds = [tokens.seed()]
    while tokens.accept(","):
        seeds.append(tokens.seed())
    return Group(sign, tuple(seeds))


class _Tokens:
    """The numbers and signs of a text, read one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(match.start() + 1, match.group()) for match in _TOKEN.finditer(text)]
        self._next = 0

    @property
    def done(self) -> bool:
        return self._next == len(self._tokens)

    def seed(self) -> int:
        word = "" if self.done else self._tokens[self._next][1]
        if not word.isdecimal():
            raise self.expected("a seed (a whole number)")
        if len(word) > len(str(MAX_SEED)) or int(word) > MAX_SEED:
            raise self.expected(f"a seed of at most {MAX_SEED}")
        self._next += 1
        return int(word)

    def sign(self) -> int | None:
        return next((value for sign, value in _SIGNS.items() if self.accept(sign)), None)

    def accept(self, word: str) -> bool:
        """Skip the next token and return True if it is `word`."""
        accepted = not self.done and self._tokens[self._next][1] == word
        self._next += accepted
        return accepted

    def expected(self, token: str) -> UsageError:
        if self.done:
            return UsageError(f"{self._text!r} ends too early: {token} is expected at column {len(self._text) + 1}")
        column, word = self._tokens[self._next]
        return UsageError(f"{self._text!r}: {token} is expected at column {column}, not {word!r}")
