"""Check the language of code and documentation: no riddling titles, none of the phrases that this project has given up.

    python docs/plain_english.py            # the whole repository; part of make lint
    python docs/plain_english.py gancli/io  # some files or folders

Docstrings and help texts must not begin with "What", "Who", "Whether" or "How". `PHRASES` may not occur in docstrings,
comments, messages, pages or recipes.
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
TITLES = re.compile(r"\s*(What|Who|Whether|How)\b(?!.*\?)")
"""A title that begins so is a riddle; a question ends in a question mark."""

PHRASES = [
    *(r"so many (?!as)", r"anew", r"of one's own", r"(?:come|comes|came) along", r"lies? upon each other"),
    *(r"(?:is|are|was) told of", r"the same mill", r"hears? (?:no more )?of", r"held at arm's length", r"at rest\b"),
    *(
        r"than it is due",
        r"newest run that can\b",
        r"is none that",
        r"in the margins of",
        r"a stranger's",
        r"strangers'",
    ),
    r"nobody",
    r"somebody",
]
_PHRASE = re.compile("|".join(rf"\b{phrase}" for phrase in PHRASES), re.IGNORECASE)
_EXEMPT = {"docs/plain_english.py", "CODE_OF_CONDUCT.md", "docs/results.jsonl"}


def findings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and complaint for each fault of one file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), 1):
            yield from ((number, f"avoid {found[0]!r}") for found in _PHRASE.finditer(line))
            if path.suffix == ".md" and line.startswith("#") and TITLES.match(line.lstrip("#")):
                yield number, f"a heading names its topic: {line.strip()!r}"
        return
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            if TITLES.match(node.value.value):
                yield node.lineno, f"a docstring says what a thing is: {node.value.value.strip().splitlines()[0]!r}"
        elif isinstance(node, ast.keyword) and node.arg in ("help", "description", "summary"):
            value = node.value
            if not (isinstance(value, ast.Constant) and TITLES.match(str(value.value))):
                continue
            yield value.lineno, f"a help text names its option: {value.value!r}"
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT) or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            for offset, line in enumerate(token.string.splitlines()):
                yield from ((token.start[0] + offset, f"avoid {found[0]!r}") for found in _PHRASE.finditer(line))


def main(arguments: list[str]) -> int:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *(arguments or ["."])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    count = 0
    for name in sorted(listed):
        path = ROOT / name
        if (
            name in _EXEMPT
            or not path.is_file()
            or path.suffix not in (".py", ".md", ".yaml", ".yml", ".template", ".toml")
        ):
            continue
        for line, complaint in findings(path):
            count += 1
            print(f"{name}:{line}: {complaint}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
