"""`docs/plain_english.py`, the check of the language of code and documentation."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def plain_english(generate) -> ModuleType:
    """The module; `generate` puts its folder on the path."""
    return importlib.import_module("plain_english")


def test_each_problem_is_reported_with_its_line(plain_english, tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(
        '"""What this module does."""\n\n'
        "import typer\n\n"
        '"""Is it so?\n\nHow it works, come\nalong."""\n\n'
        'option = typer.Option(help="Of the first sample.")  # nobody\n'
    )
    assert sorted(plain_english.problems(code)) == [
        (1, "docstring does not name its subject: 'What this module does.'"),
        (7, "avoid 'come along'"),
        (10, "avoid 'nobody'"),
        (10, "help text does not name its subject: 'Of the first sample.'"),
    ]
    page = tmp_path / "page.md"
    page.write_text("# What is a GAN?\n\n## Who may import whom\n\nDigits that come along.\n")
    assert sorted(plain_english.problems(page)) == [
        (3, "heading does not name its topic: '## Who may import whom'"),
        (5, "avoid 'come along'"),
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Strangers' code held at arm's length while it is loaded.",
        "A run directory; the newest run that can, if left out.",
        "the tracker x has failed and hears no more of this run",
        "updates: so many were made.",
        "the only run under runs/ is none that draws samples",
        "--tile 16 is lost in the margins of tiles; take at least 48",
        "opening it took more memory or time than it is due, or broke the reader",
        "1,797 handwritten digits that come along",
        "Augmentations that both real and drawn images go through, as in StyleGAN2-ADA, are not there.",
        "Networks at rest while something looks at them",
        "go through the same mill",
        "Of the first sample, and of every choice.",
        "read anew, each of one's own, where they lie upon each other, and is told of it",
    ],
)
def test_examples_of_the_style_guide_are_found(plain_english, tmp_path: Path, sentence: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(sentence)
    assert list(plain_english.problems(page))


def test_plain_sentences_pass(plain_english, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# How do I install it?\n\nSeed of the first sample and of all random choices. As many images as there are,\n"
        "so many as needed: a million. What follows is told by restart.\n"
    )
    assert list(plain_english.problems(page)) == []


def test_the_exit_code_tells_whether_there_are_problems(plain_english, capsys: pytest.CaptureFixture[str]) -> None:
    assert plain_english.main(["docs/plain_english.py"]) == 0  # exempt, because it lists the phrases
    assert plain_english.main(["LICENSE"]) == 0
    assert capsys.readouterr().out == ""
