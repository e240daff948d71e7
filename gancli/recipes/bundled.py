"""Bundled recipes: their files, and summaries for listings.

Does not import pydantic, YAML or plugins, so that listing recipes is fast.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gancli.errors import UsageError, did_you_mean

FIRST = "gan"
"""Recipe for a first run: takes a minute with the bundled data, and works with any other images."""

_FAMILY = re.compile(r"^family:\s*([^\s#]+)", re.MULTILINE)

_SOURCE = re.compile(r"^[^#\n]*\bsource:\s*([^\s,}#]+)", re.MULTILINE)

_SENTENCE = re.compile(r".*?[.!?](?=\s+[A-Z]|$)")

_BREAK = re.compile(r"\r\n?|[\n\x85\u2028\u2029]")  # line breaks in YAML, which end a comment


@dataclass(frozen=True)
class Summary:
    """Name, family, data source and first sentence of a bundled recipe."""

    name: str
    family: str
    source: str
    about: str


def bundled_dir() -> Path:
    """Return the directory of the bundled recipes: in the package if installed from a wheel, else in the checkout."""
    here = Path(__file__).resolve().parents[1]
    packaged = here / "_recipes"
    return packaged if packaged.is_dir() else here.parent / "recipes"


def bundled() -> dict[str, Path]:
    """Return the bundled recipes by name, such as `gan` or `paper/gan-mnist`; sorted, `paper/` last."""
    top = bundled_dir()
    paths = [path for pattern in ("*.yaml", "*/*.yaml") for path in sorted(top.glob(pattern), key=lambda p: p.stem)]
    return {path.relative_to(top).with_suffix("").as_posix(): path for path in paths}


def find_recipe(target: str) -> Path:
    """Return the recipe file for a path, or for the name of a bundled recipe with or without `.yaml`.

    Raises:
        UsageError: there is neither; the message has the closest bundled recipe.
    """
    if os.path.isfile(target):
        return Path(target)
    name = target.removesuffix(".yaml")
    known = bundled()
    if name in known:
        return known[name]
    if os.path.isdir(target):
        raise UsageError(f"{target!r} is a folder; give the path of a recipe file")
    raise UsageError(f"{unknown_recipe(target)}, and there is no such file")


def unknown_recipe(name: str) -> str:
    """Return the message about a bundled recipe that does not exist, with the closest one that does."""
    known, wanted = bundled(), name.removesuffix(".yaml")
    hint = did_you_mean(wanted, known, cutoff=0.6) or did_you_mean(Path(wanted).name, known, cutoff=0.6)
    return f"unknown recipe {name!r}: {hint and hint + ' '}`gan recipes ls` lists the names"


def summaries() -> list[Summary]:
    """Return the summaries of all bundled recipes. Reads single lines instead of parsing YAML; tests compare both."""
    return [_summary(name, path.read_text(encoding="utf-8")) for name, path in bundled().items()]


def heading(text: str) -> list[str]:
    """Return the comment lines at the top of a recipe, without their `#`."""
    lines = []
    for line in _BREAK.split(text.lstrip("\ufeff")):
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" ").rstrip())
    return lines


def _summary(name: str, text: str) -> Summary:
    about = " ".join(line for line in heading(text) if not line.startswith("gan ")).strip()
    sentence = _SENTENCE.match(about)
    family, source = _FAMILY.search(text), _SOURCE.search(text)
    return Summary(
        name=name,
        family=family[1] if family else "",
        source=source[1] if source else "",
        about=sentence[0] if sentence else about,
    )
