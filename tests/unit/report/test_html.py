"""Markup is safe by construction."""

from __future__ import annotations

from gancli.report.html import Html, element, joined


def test_texts_and_attributes_are_escaped_and_markup_is_not() -> None:
    made = element("p", "a < b & c", element("b", "<i>"), title="\"><script>'")
    assert made == '<p title="&quot;&gt;&lt;script&gt;&#x27;">a &lt; b &amp; c<b>&lt;i&gt;</b></p>'
    assert isinstance(made, Html)
    assert joined(["<", Html("<br>")], ", ") == "&lt;, <br>"


def test_names_of_attributes() -> None:
    made = element(
        "input", class_="at", aria_label="x", viewBox="0 0 1 1", hidden=True, value=0, title=None, open=False
    )
    assert made == '<input class="at" aria-label="x" viewBox="0 0 1 1" hidden value="0">'
