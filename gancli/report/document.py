"""What every page of HTML that the toolkit writes has in common: its head, its look, and that it asks nobody anything.

A page forbids the browser every request, and every script and style but its own, which are named by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from gancli.report.markup import Html, element


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
