"""Escaping in templates: every value is escaped unless it is marked as safe."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from gancli.report.html import render, render_page
from gancli.report.images import EncodedImage, Figure, FigureSection

TEXT = "\"><script>'& <b>"
ESCAPED = "&#34;&gt;&lt;script&gt;&#39;&amp; &lt;b&gt;"


def section(text: str) -> FigureSection:
    image = EncodedImage(uri="data:,", width=1, height=2)
    return FigureSection(heading=text, figures=[Figure(caption=text, alt=text, image=image)])


def test_texts_and_attributes_are_escaped_and_markup_is_not() -> None:
    page = render_page("images.html.jinja", title=TEXT, sections=[section(TEXT)])
    assert f"<h2>{ESCAPED}</h2>" in page
    assert f"<figcaption>{ESCAPED}</figcaption>" in page
    assert f'alt="{ESCAPED}"' in page
    assert TEXT not in page
    safe = render_page("images.html.jinja", title="", sections=[section(Markup("a<br>b"))])
    assert "<h2>a<br>b</h2>" in safe
    assert isinstance(render("figure.html.jinja"), Markup)


def test_names_of_attributes() -> None:
    page = render_page("images.html.jinja", title="", sections=[section("a")])
    assert '<figure><figcaption>a</figcaption><img src="data:," alt="a" width="1" height="2">' in page
    with pytest.raises(UndefinedError, match="title"):
        render_page("images.html.jinja", sections=[])
