"""Self-contained HTML pages, rendered from the Jinja2 templates of this package. Values are escaped by default."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render_page(template: str, *, script: bool = False, **values: Any) -> str:
    """Render a template that extends `base.html.jinja`.

    Args:
        template: file name in this package.
        script: whether to include `script.js`.
        values: variables of the template, among them `title`.
    """
    style, code = _read("style.css"), _read("script.js") if script else None
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{'none' if code is None else _digest(code)}'; base-uri 'none'; form-action 'none'"
    )
    return str(render(template, style=style, script=code, policy=policy, **values))


def render(template: str, **values: Any) -> Markup:
    """Render a template of this package; values are escaped unless they are `Markup`."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(values))


def data_uri(content: bytes, media_type: str) -> str:
    """Return the content of a file as a `data:` URI; `media_type` is, for example, `image/png`."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _read(name: str) -> Markup:
    from markupsafe import Markup

    return Markup(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
