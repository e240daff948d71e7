"""The diagram of the import layers: a row for each layer, a box for each module, from the settings of import-linter."""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, MARGIN, PADDING, GAP = 880, 20, 14, 6
HEADER, FOOTER = 58, 46
NAME_WIDTH = 110
"""Width of the column of names in rows of one module; its description follows on the same line."""

LINE, CHARACTER = 15, 6.2
"""Height of a line and mean width of a character of a description."""

PUBLIC, PRIVATE = "#e3f1e1", "#f7e8d8"
INK, MUTED, BORDER = "#24292f", "#57606a", "#c9d1d9"


def draw(root: Path) -> str:
    """Return the diagram as SVG without external resources. Equal settings and docstrings give equal text.

    Args:
        root: root folder of the checkout.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers"]
    private = _private(settings["contracts"])
    rows: list[str] = []
    top = HEADER
    for layer in layers:
        row, height = _row(layer, top, private, root)
        rows += row
        top += height + GAP
    height = top + FOOTER
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title about" font-family="system-ui, -apple-system, sans-serif">',
        '<title id="title">Import layers of gancli</title>',
        f'<desc id="about">{len(layers)} layers of modules. A layer imports only from the layers below it.</desc>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff" stroke="{BORDER}"/>',
        _text(MARGIN, 36, "gancli", size=19, weight="bold"),
        _text(WIDTH - MARGIN, 36, "A layer imports only from the layers below it.", anchor="end", colour=MUTED),
        *rows,
        *_legend(top + 14),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _private(contracts: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the modules that plugins may not import."""
    forbidden = [set(contract["forbidden_modules"]) for contract in contracts if contract["type"] == "forbidden"]
    return next(modules for modules in forbidden if "gancli.training" in modules)


def _row(layer: str, top: int, private: set[str], root: Path) -> tuple[list[str], int]:
    """Return the boxes of a layer, and the height of the row."""
    modules = re.split(r" [|:] ", layer)
    separators = re.findall(r" ([|:]) ", layer)
    width = (WIDTH - 2 * MARGIN) / len(modules)
    indent, first = (NAME_WIDTH, 0) if len(modules) == 1 else (0, 18)
    space = int((width - 2 * PADDING - indent) / CHARACTER)
    descriptions = [textwrap.wrap(_first_sentence(module, root), space) for module in modules]
    height = 18 + first + LINE * max(len(description) for description in descriptions)
    shapes = []
    for number, (module, description) in enumerate(zip(modules, descriptions, strict=True)):
        left = MARGIN + number * width
        texts = [_text(left + PADDING, top + 21, module.removeprefix("gancli."), size=14, weight="bold")]
        texts += [
            _text(left + PADDING + indent, top + 21 + first + LINE * index, line, colour=MUTED)
            for index, line in enumerate(description)
        ]
        fill = PRIVATE if module in private else PUBLIC
        box = f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="{fill}"/>'
        shapes.append(f"<g>{box}{''.join(texts)}</g>")
    shapes += [
        _divider(MARGIN + number * width, top, height, dashed=separator == ":")
        for number, separator in enumerate(separators, start=1)
    ]
    return shapes, height


def _legend(top: int) -> Iterator[str]:
    items = [
        ("plugins may import", PUBLIC, 165),
        ("plugins may not import", PRIVATE, 190),
        ("independent of each other", "|", 205),
        ("may import each other", ":", 0),
    ]
    left = MARGIN
    for label, sign, width in items:
        if sign.startswith("#"):
            yield f'<rect x="{left}" y="{top}" width="16" height="16" fill="{sign}" stroke="{BORDER}"/>'
        else:
            yield _divider(left + 8, top, 16, dashed=sign == ":")
        yield _text(left + 24, top + 12, label, colour=MUTED)
        left += width


def _divider(x: float, top: int, height: int, *, dashed: bool) -> str:
    dashes = ' stroke-dasharray="3 3"' if dashed else ""
    return f'<path d="M{x:.1f} {top} v{height}" stroke="{INK}" stroke-width="1.5"{dashes}/>'


def _text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "start",
    colour: str = INK,
    size: int = 12,
    weight: str = "normal",
) -> str:
    end = ' text-anchor="end"' if anchor == "end" else ""
    bold = ' font-weight="bold"' if weight == "bold" else ""
    return f'<text x="{x:.1f}" y="{y}" fill="{colour}" font-size="{size}"{end}{bold}>{escape(content)}</text>'


def _first_sentence(module: str, root: Path) -> str:
    """Return the first sentence of a module's docstring, without backticks and the full stop."""
    path = root.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(doc.split("\n\n")[0].split())
    return re.split(r"\. |; ", paragraph)[0].rstrip(".").replace("`", "")
