"""`docs/api.md`, the reference for authors of plugins: complete, with links that work, made from docstrings."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from types import ModuleType

import pytest

import gancli
import gancli.family
import gancli.latent
import gancli.losses
import gancli.nn
import gancli.testing
from gancli.plugins import hookspecs

PAGE = "docs/api.md"
NETWORKS = [importlib.import_module(f"gancli.nn.{module.name}") for module in pkgutil.iter_modules(gancli.nn.__path__)]


@pytest.fixture
def api_page(generate) -> ModuleType:
    """The module; `generate` puts its folder on the path."""
    return importlib.import_module("api_page")


@pytest.fixture
def headings(page) -> list[str]:
    return re.findall(r"^#{2,4} (.+)$", page(PAGE).text, re.MULTILINE)


@pytest.fixture
def names(headings: list[str]) -> set[str]:
    """Qualified names in the headings, without the kind, such as `class`."""
    return {heading.split()[-1] for heading in headings}


@pytest.mark.parametrize("package", [gancli.family, gancli.testing, gancli])
def test_every_exported_name_is_listed(names: set[str], package: ModuleType) -> None:
    assert {f"{package.__name__}.{name}" for name in package.__all__} <= names


@pytest.mark.parametrize("module", [gancli.losses, gancli.latent, *NETWORKS], ids=lambda module: module.__name__)
def test_every_public_class_and_function_is_listed(names: set[str], module: ModuleType) -> None:
    public = [
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    assert public
    assert {f"{module.__name__}.{name}" for name in public} <= names


def test_every_hook_is_listed(names: set[str]) -> None:
    hooks = [name for name, value in vars(hookspecs).items() if getattr(value, "gancli_spec", None)]
    assert {f"gancli.plugins.hookspecs.{name}" for name in hooks} <= names


def test_anchors_are_unique(headings: list[str], api_page) -> None:
    assert [anchor for anchor, count in Counter(map(api_page.anchor, headings)).items() if count > 1] == []


def test_sections_of_a_docstring(api_page) -> None:
    docstring = api_page.Docstring(
        "First line,\ngoes on with 2 * x and `a * b`.\n\n    code = 1\n\n    more = 2\n\nLast paragraph.\n\n"
        "- one,\n  still one\n- two\n\n"
        "Args:\n    a: first; see\n        `b`.\n    b: second: with a colon.\n\nRaises:\n    ValueError: if not."
    )
    assert docstring.description == (
        "First line, goes on with 2 \\* x and `a * b`.\n\n```text\ncode = 1\n\nmore = 2\n```\n\nLast paragraph.\n\n"
        "- one, still one\n- two"
    )
    assert docstring.arguments == [("a", "first; see `b`."), ("b", "second: with a colon.")]
    assert docstring.sections["Raises"] == [("ValueError", "if not.")]
    assert api_page.Docstring("Only this.").sections == {}
    assert api_page.Docstring("A.\n\nReturns:\n    a number.").sections == {"Returns": [("", "a number.")]}


def test_names_in_sentences_are_links(api_page) -> None:
    text = "# `Turn`\n\n`Turn` and `Turn.loss`, not `turn`, [`Turn`](#turn)\n\n```python\n`Turn`\n```\n`mine.value`"
    assert api_page._linked(text, {"Turn": "turn", "mine": "x"}) == text.replace(
        "`Turn` and `Turn.loss`", "[`Turn`](#turn) and [`Turn.loss`](#turn)"
    )
