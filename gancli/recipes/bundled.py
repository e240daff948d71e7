"""The recipes that come with the toolkit: where they lie, and what each says at a glance.

Free of pydantic, YAML and plugins, so that listing recipes costs next to nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gancli.errors import UsageError, did_you_mean

FIRST = "gan"
"""The recipe for somebody's first run: a minute, on data that is there, and on any other images as well."""

_FAMILY = re.compile(r"^family:\s*([^\s#]+)", re.MULTILINE)

_SOURCE = re.compile(r"^[^#\n]*\bsource:\s*([^\s,}#]+)", re.MULTILINE)

_SENTENCE = re.compile(r".*?[.!?](?=\s+[A-Z]|$)")

_BREAK = re.compile(r"\r\n?|[\n\x85\u2028\u2029]")  # what ends a comment in YAML


@dataclass(frozen=True)
class Summary:
    """A bundled recipe at a glance: its name, family, data source and the first sentence of its heading."""

    name: str
    family: str
    source: str
    about: str


def bundled_dir() -> Path:
    """The folder of the bundled recipes: inside the package when installed from a wheel, else in the checkout."""
    here = Path(__file__).resolve().parents[1]
    packaged = here / "_recipes"
    return packaged if packaged.is_dir() else here.parent / "recipes"


def bundled() -> dict[str, Path]:
    """The bundled recipes by name, such as `gan` or `paper/gan-mnist`; sorted, those of the papers last."""
    top = bundled_dir()
    paths = [path for pattern in ("*.yaml", "*/*.yaml") for path in sorted(top.glob(pattern), key=lambda p: p.stem)]
    return {path.relative_to(top).with_suffix("").as_posix(): path for path in paths}


def find(target: str) -> Path:
    """The recipe file that `target` means: a path, or the name of a bundled recipe with or without `.yaml`.

    Raises:
        UsageError: it is neither; the text names the nearest bundled recipe.
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
    """The sentence about a bundled recipe that does not exist, with the nearest one that does."""
    known, wanted = bundled(), name.removesuffix(".yaml")
    hint = did_you_mean(wanted, known, cutoff=0.6) or did_you_mean(Path(wanted).name, known, cutoff=0.6)
    return f"unknown recipe {name!r}: {hint and hint + ' '}`gan recipes ls` lists the names"


def summaries() -> list[Summary]:
    """Every bundled recipe at a glance. Reads single lines rather than YAML; `tests/` compares the two."""
    return [_summary(name, path.read_text(encoding="utf-8")) for name, path in bundled().items()]


def heading(text: str) -> list[str]:
    """The comment lines that a recipe opens with, without their `#`."""
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
