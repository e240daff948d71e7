"""Check the language of code and documentation for phrases that this project avoids.

    python docs/plain_english.py            # all files of the repository
    python docs/plain_english.py gancli/io  # the given files and folders

Docstrings, help texts and headings must not begin with a word of `TITLES`, because such a title does not name its
subject. The phrases of `PHRASES` must not occur in docstrings, comments, messages, pages or recipes.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TITLES = re.compile(r"\s*(What|Who|Whether|How|Of)\b(?!.*\?)")
"""First words that are not allowed, except in a question."""

PHRASES = [
    r"of one's own",
    r"of every choice",
    r"so many (?!as)",
    r"anew",
    r"(?:come|comes|came|coming) along",
    r"(?:lie|lies|lay|lying) upon each other",
    r"(?:is|are|was|were) told of",
    r"hears? (?:no more )?of",
    r"hears? no more",
    r"mill",
    r"at rest",
    r"strangers?",
    r"held at arm's length",
    r"newest run that can",
    r"is none that",
    r"lost in the margins",
    r"in the margins of",
    r"than (?:it is|they are) due",
    r"broke the reader",
    r"are not there",
    r"something looks at",
    r"gone back on",
    r"player's game",
    r"nobody",
    r"somebody",
]
"""Regular expressions of whole words, without regard to case; a space also matches a line break."""

_PHRASE = re.compile(rf"\b(?:{'|'.join(PHRASES)})\b".replace(" ", r"\s+"), re.IGNORECASE)
_SUFFIXES = (".py", ".md", ".yaml", ".yml", ".template", ".toml", ".cff")
_EXEMPT = ("docs/plain_english.py", "tests/docs/test_plain_english.py", "CODE_OF_CONDUCT.md")


def problems(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and description of each problem in one file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _code_problems(text)
        return
    yield from _avoided(text, 1)
    for number, line in enumerate(text.splitlines(), 1):
        if path.suffix == ".md" and line.startswith("#") and TITLES.match(line.lstrip("#")):
            yield number, f"heading does not name its topic: {line!r}"


def _code_problems(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr):
            kind, value = "docstring", node.value
        elif isinstance(node, ast.keyword) and node.arg in ("help", "description", "summary"):
            kind, value = "help text", node.value
        else:
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and TITLES.match(value.value):
            yield value.lineno, f"{kind} does not name its subject: {value.value.strip().splitlines()[0]!r}"
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT) or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            yield from _avoided(token.string, token.start[0])


def _avoided(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    for match in _PHRASE.finditer(text):
        yield first_line + text.count("\n", 0, match.start()), f"avoid {' '.join(match[0].split())!r}"


def files(paths: list[str]) -> list[str]:
    """Return the files to check, relative to the root: those that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *(paths or ["."])]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        name
        for name in sorted(set(listed))
        if name.endswith(_SUFFIXES) and name not in _EXEMPT and (ROOT / name).is_file()
    ]


def main(arguments: list[str]) -> int:
    """Print each problem as `file:line: description` and return 1 if there is any, otherwise 0."""
    lines = [f"{name}:{line}: {problem}" for name in files(arguments) for line, problem in problems(ROOT / name)]
    print("".join(f"{line}\n" for line in lines), end="")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
