"""Pages of the documentation, their code blocks, and the packages that are printed in them."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from gancli.plugins import registry

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SEPARATORS = ("&&", "||", "|", ";")


@dataclass(frozen=True)
class Page:
    """A Markdown page of this checkout."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[str]:
        """Return the content of the code blocks in the given languages; "" is a block without a language."""
        return [code for language, code in _FENCE.findall(self.text) if language in languages]

    def commands(self, *languages: str) -> list[list[str]]:
        """Return the words of each call of `gan` in the blocks of the given languages, beginning with `gan`."""
        lines = [line for code in self.blocks(*languages) for line in code.replace("\\\n", " ").splitlines()]
        return [words for line in lines if "gan" in line for words in _calls(line)]

    def files(self) -> dict[str, str]:
        """Return the blocks that follow a line with only the name of a file in backticks, by that name."""
        return dict(_FILE.findall(self.text))


def _calls(line: str) -> Iterator[list[str]]:
    try:
        words = shlex.split(line.removeprefix("$ "), comments=True)
    except ValueError:  # an apostrophe in a sentence
        return
    while words:
        end = next((index for index, word in enumerate(words) if word in _SEPARATORS), len(words))
        call, words = words[:end], words[end + 1 :]
        while call and re.match(r"[A-Z_]+=", call[0]):  # an environment variable
            call = call[1:]
        if call and call[0] in ("gan", ".venv/bin/gan"):
            yield ["gan", *call[1:]]


@pytest.fixture(scope="session")
def page() -> Callable[[str], Page]:
    """Return a page by its path relative to the root of the checkout."""
    return lambda name: Page(ROOT / name)


@pytest.fixture(scope="session")
def generate() -> Iterator[ModuleType]:
    """Import `docs/generate.py`, whose folder is not a package."""
    sys.path.insert(0, str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("gancli_docs_generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "docs"))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Page, str], Path]]:
    """Write the files that a page prints in a folder, and make their distribution importable with its entry points.

    The entry points are those of the printed `pyproject.toml`, in the format that an installer writes.
    """
    packages: list[str] = []

    def install(page: Page, name: str) -> Path:
        for file, content in page.files().items():
            if file.startswith(f"{name}/"):
                (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / file).write_text(content, encoding="utf-8")
        folder = tmp_path / name
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        dist_info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        dist_info.mkdir()
        (dist_info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = [
            f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
            for group, points in project["entry-points"].items()
        ]
        (dist_info / "entry_points.txt").write_text("\n".join(groups))
        packages.extend(path.parent.name for path in folder.glob("*/__init__.py"))
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.delenv(registry.SUBSET_VARIABLE, raising=False)
        monkeypatch.setattr(registry, "_registry", None)
        return folder

    yield install
    for module in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[module]
