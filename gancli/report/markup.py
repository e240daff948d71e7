"""HTML that is safe by construction: whatever is not known to be markup is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable

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
