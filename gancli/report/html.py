"""HTML that is safe by construction: whatever is not known to be markup is escaped."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


Attribute = str | int | float | bool | None

_VOID = frozenset({"img", "input", "link", "meta"})  # elements without an end


class Html(str):
    """Markup, which is not escaped again."""


def element(name: str, /, *children: str, **attributes: Attribute) -> Html:
    """An element; children and attributes are escaped unless they are `Html`.

    Args:
        name: of the element; it and the names of attributes come from this program alone.
        children: texts and elements.
        attributes: `class_` is `class`, `aria_label` is `aria-label`; True writes the name alone, False and None
            nothing.
    """
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(start if name in _VOID else f"{start}{joined(children)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Texts and elements one after the other."""
    return Html(between.join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def _attribute(name: str, value: Attribute) -> str:
    name = name.removesuffix("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def document(title: str, *body: str, script: bool = False) -> str:
    """A whole page in English.

    Args:
        title: of the window.
        body: elements and texts.
        script: whether the page has something to move: `script.js`.
    """
    style, code = Html(_file("style.css")), Html(_file("script.js")) if script else None
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, code)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),  # or a browser would ask a server for one
        element("title", title),
        element("style", style),
    ]
    scripts = [element("script", code)] if code is not None else []
    page = element("html", element("head", *head), "\n", element("body", *body, *scripts), lang="en")
    return f"<!doctype html>\n{page}\n"


def figure(uri: str, *, caption: str, alt: str, width: int, height: int) -> Html:
    """A picture under its caption.

    Args:
        uri: `data:` with the picture.
        caption: above it; may be empty.
        alt: what it shows, for those who do not see it.
        width, height: in pixels.
    """
    image = element("img", src=uri, alt=alt, width=width, height=height)
    return element("figure", *([element("figcaption", caption)] if caption else []), image)


def data_uri(content: bytes, kind: str) -> str:
    """A file within an address.

    Args:
        content: of the file.
        kind: such as `image/png`.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _policy(style: str, code: str | None) -> str:
    scripts = f"'{_digest(code)}'" if code is not None else "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src {scripts}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
