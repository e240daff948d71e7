"""The house as a picture: a floor for each layer of imports, a room for each module, from import-linter's settings."""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

WIDTH, MARGIN, ROOF, FLOOR, GAP = 760, 16, 64, 30, 3
INNER = WIDTH - 2 * MARGIN
OPEN, PRIVATE, SLATE, INK, FAINT = "#dfeedd", "#f3e3d3", "#5b7fa6", "#24292f", "#57606a"


def draw(root: Path) -> str:
    """The picture as SVG, without anything from elsewhere: it is text, and the same text for the same settings.

    Args:
        root: of the checkout.
    """
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    private = _private(contracts)
    height = ROOF + len(layers) * (FLOOR + GAP) + 2 * FLOOR
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title about" font-family="system-ui, sans-serif" font-size="13">',
        '<title id="title">The house of gancli</title>',
        f'<desc id="about">{len(layers)} floors, of which each may use only those below it; rooms of one floor that a '
        "wall parts do not know each other.</desc>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<path d="M{MARGIN} {ROOF - GAP} h{INNER} L{WIDTH // 2} {MARGIN // 2} Z" fill="{SLATE}"/>',
        _text(WIDTH / 2, ROOF - 16, "gan", colour="#ffffff", weight="bold"),
    ]
    for number, layer in enumerate(layers):
        lines += _floor(layer, ROOF + number * (FLOOR + GAP), private, root)
    lines += [*_legend(ROOF + len(layers) * (FLOOR + GAP) + FLOOR / 2), "</svg>"]
    return "\n".join(lines) + "\n"


def _private(contracts: list[Mapping[str, Any]]) -> set[str]:
    """The modules that plugins may not import."""
    forbidden = [set(each["forbidden_modules"]) for each in contracts if each["type"] == "forbidden"]
    return next(modules for modules in forbidden if "gancli.training.trainer" in modules)


def _floor(layer: str, top: float, private: set[str], root: Path) -> Iterator[str]:
    modules = re.split(r" [|:] ", layer)
    walls = re.findall(r" ([|:]) ", layer)
    width = INNER / len(modules)
    for number, module in enumerate(modules):
        left = MARGIN + number * width
        about = _first_sentence(module, root)
        name = module.removeprefix("gancli.")
        middle = _text(left + width / 2, top + 20, name)
        if len(modules) == 1:
            middle = _text(left + 12, top + 20, name, anchor="start") + _text(
                WIDTH - MARGIN - 12, top + 20, _short(about), anchor="end", colour=FAINT, size=11
            )
        yield (
            f'<g><title>{escape(about)}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{FLOOR}" '
            f'fill="{PRIVATE if module in private else OPEN}"/>{middle}</g>'
        )
    for number, wall in enumerate(walls, start=1):
        dashes = ' stroke-dasharray="3 3"' if wall == ":" else ""
        x = MARGIN + number * width
        yield f'<path d="M{x:.1f} {top} v{FLOOR}" stroke="{INK}" stroke-width="1.5"{dashes}/>'


def _legend(top: float) -> Iterator[str]:
    yield f'<rect x="{MARGIN}" y="{top}" width="16" height="16" fill="{PRIVATE}"/>'
    yield _text(MARGIN + 24, top + 13, "closed to plugins", anchor="start", colour=FAINT, size=12)
    says = "A floor imports from lower floors only. Rooms with a dashed wall know each other."
    yield _text(WIDTH - MARGIN, top + 13, says, anchor="end", colour=FAINT, size=12)


def _text(
    x: float, y: float, says: str, *, anchor: str = "middle", colour: str = INK, size: int = 13, weight: str = "normal"
) -> str:
    bold = f' font-weight="{weight}"' if weight != "normal" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}"{bold}>'
        f"{escape(says)}</text>"
    )


def _first_sentence(module: str, root: Path) -> str:
    """What a module's docstring begins with."""
    path = root.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(doc.split("\n\n")[0].split())


def _short(text: str) -> str:
    """What fits of a sentence beside a name."""
    sentence = re.split(r"\. |; ", text)[0].rstrip(".").replace("`", "")
    return textwrap.shorten(sentence, 104, placeholder=" …")
