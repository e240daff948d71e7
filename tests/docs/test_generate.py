"""Files that `docs/generate.py` generates completely: pages of families, the diagram of layers; and code excerpts."""

from __future__ import annotations

import importlib
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
MAX_BYTES = 60_000
"""Maximum size of the figure of a family, because the README shows all of them."""


@pytest.fixture
def module(generate) -> ModuleType:
    """Import a module in `docs` by its name."""
    return importlib.import_module


def test_the_house_has_a_room_for_every_module(module) -> None:
    diagram = ElementTree.fromstring(module("house").draw(ROOT))
    boxes = {group.find(f"{SVG}text").text: group.find(f"{SVG}rect").get("fill") for group in diagram.iter(f"{SVG}g")}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers"]
    modules = [name.removeprefix("gancli.") for layer in layers for name in layer.replace(":", "|").split(" | ")]
    assert sorted(boxes) == sorted(modules)
    closed = {name for name, colour in boxes.items() if colour == module("house").PRIVATE}
    private = {"cli", "evaluation", "figures", "inference", "plugins", "recipes", "report", "runs", "runtime"}
    assert closed == {*private, "training", "weights"}


def test_the_picture_asks_nothing_of_a_network(module) -> None:
    diagram = module("house").draw(ROOT)
    assert "href" not in diagram
    assert "<script" not in diagram
    assert diagram.count("http") == 1  # the XML namespace


def test_excerpts_are_the_code_as_it_stands(module, tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(
        '"""A module."""\n\nfrom __future__ import annotations\n\nimport os\n\n\nclass A:\n    x = 1\n\n'
        "    @property\n    def b(self):\n        # why\n        return os\n\n\ndef c():\n    pass\n"
    )
    excerpts = module("excerpts")
    assert excerpts.part(file, "A.b", "c") == (
        "```python\n@property\ndef b(self):\n    # why\n    return os\n\n\ndef c():\n    pass\n```"
    )
    assert excerpts.whole(file).startswith("```python\nimport os\n\n\nclass A:\n")
    with pytest.raises(KeyError):
        excerpts.part(file, "A.c")


def test_every_plugin_has_a_page_a_row_and_a_small_picture(module, page) -> None:
    table = page("README.md").text
    names = [path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")]
    assert set(module("family_pages").FIGURES) == set(names)
    for name in names:
        assert f"(docs/families/{name}.md)" in table
        assert (ROOT / "docs" / "families" / f"{name}.md").is_file()
        assert 0 < (ROOT / "docs" / "pictures" / "families" / f"{name}.png").stat().st_size <= MAX_BYTES
    assert len(names) == 13
    assert "thirteen families" in table


def test_the_oldest_family_comes_first_and_no_page_is_left_over(module, generate) -> None:
    families = generate._families()
    rows = module("family_pages").table(list(reversed(families)), ROOT).splitlines()
    assert rows == module("family_pages").table(families, ROOT).splitlines()
    assert "Goodfellow et al. 2014" in rows[2]
    pages = {path.name for path in (ROOT / "docs" / "families").iterdir()}
    assert pages == {f"{info.name}.md" for info in families}


def test_links_are_those_of_the_page_that_they_came_from(module) -> None:
    text = "[a](config.py) [b](../../docs/recipes.md#train) [c](https://example.org/x) [d](#data)"
    here, there = ROOT / "plugins" / "gan", ROOT / "docs" / "families"
    assert module("family_pages")._relinked(text, here, there) == (
        "[a](../../plugins/gan/config.py) [b](../recipes.md#train) [c](https://example.org/x) [d](#data)"
    )
