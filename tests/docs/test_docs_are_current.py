"""Agreement of the documentation with the code: generated parts, links, commands and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))]
READMES = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("plugins/*/README.md"))]
DOCS = [name for name in PAGES if name.startswith("docs/")]

_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def test_generated_parts_are_current(generate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # the output must not depend on the terminal
    assert [path.name for path in generate.outdated()] == [], "run: make docs"
    assert generate.main(["--check"]) == 0


def test_the_check_fails_on_a_page_that_would_change(generate, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in generate.pages()}
    monkeypatch.setattr(generate, "render", lambda text: f"{text}\n")
    assert generate.main(["--check"]) == 1
    assert {path: path.read_bytes() for path in generate.pages()} == before


def test_every_part_stands_on_some_page(generate) -> None:
    names = [
        name for path in generate.pages() for name in re.findall(r"<!-- generated: ([a-z-]+) -->", path.read_text())
    ]
    assert sorted(names) == sorted(generate.PARTS)


@pytest.mark.parametrize("name", PAGES + READMES)
def test_links_point_somewhere(page, generate, name: str) -> None:
    source = page(name)
    dead = []
    for target in (first or second for first, second in _LINK.findall(_CODE.sub("", source.text))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = source.path.parent / file if file else source.path
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(generate, path)):
            dead.append(target)
    assert dead == []


def anchors(generate, path: Path) -> set[str]:
    return {generate.anchor(heading) for heading in _HEADING.findall(_CODE.sub("", path.read_text(encoding="utf-8")))}


@pytest.mark.parametrize("name", DOCS)
def test_commands_in_sentences_exist(page, generate, name: str) -> None:
    tree = generate.command_tree()
    spans = re.findall(r"`(gan [^`]+)`", _CODE.sub("", page(name).text))
    assert [problem for span in spans for problem in problems(generate, tree, span.split())] == []


def problems(generate, tree, words: list[str]) -> Iterator[str]:
    """Yield the problems of a command line: commands and options that do not exist."""
    length = max(length for length in range(1, len(words) + 1) if " ".join(words[:length]) in tree)
    command = tree[" ".join(words[:length])]
    arguments = words[length:]
    if getattr(command, "commands", None) and arguments and not arguments[0].startswith(("-", "[")):
        yield f"{' '.join(words)}: there is no command {arguments[0]!r}"
        return
    known = generate.option_names(command)
    for word in arguments:
        name = word.partition("=")[0]
        if re.match(r"-\D", name) and name not in known and (name.startswith("--") or name[:2] not in known):
            yield f"{' '.join(words)}: there is no option {name}"


def test_the_house_is_as_described(page) -> None:
    (tree,) = [code for code in page("CONTRIBUTING.md").blocks("text") if "gancli/cli/app.py" in code]
    assert [line for line in tree.splitlines() if not (ROOT / line.split()[0]).exists()] == []
