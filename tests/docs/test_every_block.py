"""Every fenced block of every page is code that works: run, or on a list that says why not.

Commands run in the order of their page, in an empty folder, with shorter training and fewer samples (`_shorter`), on
pictures that this test draws wherever a command names some. A command that was run once for one page is not trained
again for another: its run is copied.

What is not run is parsed by the program's own parser, and of `gan train` the recipe is loaded with its options; NOT_RUN
says why it is no more. Three pages have tests of their own, which run their commands on the packages that they print.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from PIL import Image

from gancli.cli.app import app
from gancli.recipes.recipe import load_recipe
from gancli.recipes.yaml import parse
from gancli.training import preview
from gancli.weights.name_mapping import Rules

ROOT = Path(__file__).parents[2]
PAGES = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "plugins/*/README.md")
    for path in sorted(ROOT.glob(pattern))
]

SHELL, LANGUAGES = ("sh", "bash", "shell", "console", ""), {"text", "python", "yaml", "toml"}

TESTED_ELSEWHERE = {
    "docs/quickstart.md": "test_quickstart.py",
    "docs/hooks.md": "test_hooks.py",
    "docs/write-a-family.md": "test_write_a_family.py",
}
"""Their commands need what the page prints before them."""

MADE_FROM = {page: f"plugins/{Path(page).stem}/README.md" for page in PAGES if page.startswith("docs/families/")}
"""Pages whose commands are those of another, and run there."""

NOT_RUN = {
    r"gan train paper/": "hours, on data to be fetched; test_every_recipe_runs.py trains it on a stand-in",
    r"gan train \S+-mnist\b": "downloads MNIST; test_every_recipe_runs.py trains it on a stand-in",
    r"gan translate face\.png": "needs the model of a recipe that is not run",
    r"gan .*\$digit": "in a loop of the shell",
    r"gan eval runs/normal-\*": "needs the runs of that loop",
    r"gan convert": "needs weights of another program; test_convert.py and test_s2_foreign_files.py write some",
    r"gan upscale models/srresnet": "needs those weights",
    r"gan eval --metrics psnr,ssim,lpips": "downloads AlexNet; test_lpips.py has the metric without its weights",
    r"gan .*--backbone inception": "downloads Inception; test_inception.py has the network without its weights",
}
"""Commands that are parsed only, and why."""

OTHER_PROGRAMS = {
    "make": "builds an environment, or runs what this is part of",
    "source": "changes the shell; the environment of the tests is such a one",
    "pip": "installs; tests/packages builds what it would install",
    ".venv/bin/pip": "installs",
    "python": "test_quickstart.py does the same in its own process",
    "for": "a loop of the shell",
    "done": "its end",
}
"""What else a block may call, and why it is not run."""

BEFORE = {"docs/metrics.md": ["gan train cgan"], "docs/faq.md": ["gan recipes cp gan my.yaml"]}
"""What a page takes for granted."""

AROUND = {
    "docs/quickstart.md": {"family": "pix2pix", "train": "{images: 100}"},
    "docs/recipes.md": {"family": "cgan", "data": "{source: digits}", "train": "{images: 100}"},
    "docs/faq.md": {"family": "gan", "data": "{source: digits}", "train": "{images: 100}"},
}
"""The sections of a recipe that a block leaves out."""


@pytest.fixture(scope="session")
def short_runs() -> ModuleType:
    """The test that runs every bundled recipe: it knows how to make each short."""
    path = ROOT / "tests" / "cli" / "test_every_recipe_runs.py"
    spec = importlib.util.spec_from_file_location("gancli_short_runs", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], Path]:
    """Where the runs of a training command are kept, for the next page with the same one."""
    root = tmp_path_factory.mktemp("trained")
    return lambda words: root / re.sub(r"\W+", "_", " ".join(words))


def why_not(line: str) -> str | None:
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, line)), None)


def commands(page: Any) -> list[list[str]]:
    """The calls of `gan` in a page's shell blocks, without what the shell does with their output."""
    return [words[: words.index(">")] if ">" in words else words for words in page.commands(*SHELL)]


@pytest.mark.parametrize("name", [name for name in PAGES if name not in TESTED_ELSEWHERE and name not in MADE_FROM])
def test_commands_run(gan, page, short_runs, trained, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(preview, "ROWS", 1)
    lines = [words for words in commands(page(name)) if not why_not(" ".join(words))]
    before = [line.split() for line in BEFORE.get(name, [])] if lines else []
    for words in [*before, *lines]:
        _draw_pictures(words)
        command = [*words[1:], *_shorter(words, short_runs)]
        kept = trained(command)
        if words[1] == "train" and kept.is_dir():
            shutil.copytree(kept, "runs", dirs_exist_ok=True)
            for manifest in Path("runs").glob("*/manifest.json"):
                os.utime(manifest)
            continue
        present = set(Path("runs").glob("*"))
        ended = gan(*command)
        assert ended.code == 0, f"{words}: {ended.err}"
        for run in set(Path("runs").glob("*")) - present if words[1] == "train" else ():
            shutil.copytree(run, kept / run.name)


def _shorter(words: list[str], short_runs: ModuleType) -> list[str]:
    """What makes a command short, besides what it says."""
    if words[1] == "eval":
        return ["--samples", "20", "--labelled", "100"] if "--compare" not in words else []
    if words[1] != "train":
        return []
    recipe = words[2]
    options = [*short_runs.SHORT, *short_runs.NARROWER.get(recipe, [])]
    return [*(word for option in options for word in ("--set", option)), "--device", "cpu"]


def _draw_pictures(words: list[str]) -> None:
    """What a command calls its images: files, and folders that end in a slash or are written in capitals."""
    for word in words[2:]:
        path = Path(word.rpartition("=")[2])
        if path.suffix in (".png", ".jpg") and words[words.index(word) - 1] != "--out":
            _draw(path)
        elif (word.endswith("/") or word.isupper()) and not path.is_dir():
            path.mkdir(parents=True)
            for number in range(12):
                _draw(path / f"{number}.png")


def _draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.radial_gradient("L").resize((40, 30)).convert("RGB").save(path)


@pytest.mark.parametrize("name", PAGES)
def test_commands_are_parsed(page, generate, name: str) -> None:
    tree = generate.command_tree()
    lines = commands(page(name))
    # A `text` block holds output and usage too: there, only what begins with a command's name is one.
    lines += [
        words for words in page(name).commands("text") if " ".join(words[:2]) in tree and "[OPTIONS]" not in words
    ]
    assert [problem for words in lines for problem in problems(words)] == []


def problems(words: list[str]) -> Iterator[str]:
    """What the program's own parser has against a command line, and of one that trains, what its recipe lacks."""
    try:
        _parse(typer.main.get_command(app), words[0], words[1:])
    except Exception as error:
        if getattr(error, "exit_code", 1):
            yield f"{' '.join(words)}: {getattr(error, 'message', None) or error!r}"
            return
    reason = why_not(" ".join(words))
    if words[1:2] == ["train"] and reason and "$" not in " ".join(words):
        overrides = [option for before, option in pairwise(words) if before == "--set"]
        load_recipe(words[2], overrides)


def _parse(command: Any, name: str, arguments: list[str]) -> None:
    context = command.make_context(name, list(arguments))
    if hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        called, inner, left = command.resolve_command(context, rest)
        _parse(inner, called, left)


def test_wrong_command_lines_are_found() -> None:
    for line in (
        "gan trian gan",
        "gan recipes list",
        "gan train gan --sed 1",
        "gan sample -n none",
        "gan sample -x",
        "gan runs rm a --json",
        "gan upscale a.png --format gif",
    ):
        assert list(problems(line.split())), line
    for line in ("gan --version", "gan recipes ls", "gan sample -n16 --seed=3", "gan train r.yaml --set a.b=5"):
        assert not list(problems(line.split())), line


@pytest.mark.parametrize("name", PAGES)
def test_languages_and_programs_are_known(page, name: str) -> None:
    languages = set(re.findall(r"^```([\w-]+)", page(name).text, re.MULTILINE))
    assert languages <= {*LANGUAGES, *SHELL}, "teach this test what to do with it"
    lines = [line for code in page(name).blocks(*SHELL) for line in code.replace("\\\n", " ").splitlines()]
    unknown = [
        line
        for line in (re.sub(r"^([A-Z_]+=\S+ )+", "", line.strip()) for line in lines)
        if line and not line.startswith(("#", "gan ", "error:")) and line.split()[0] not in OTHER_PROGRAMS
    ]
    assert unknown == [], "run it, or say in OTHER_PROGRAMS why not"


@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs/write-a-family.md"])
def test_recipes_are_right(page, tmp_path: Path, name: str) -> None:
    for code in page(name).blocks("yaml"):
        document = parse(code, name=name)
        if name == "docs/foreign-weights.md":
            assert Rules(document.value)  # names for `gan convert`, not a recipe
            continue
        if not document.value:  # a comment for an editor
            continue
        others = {key: value for key, value in AROUND.get(name, {}).items() if key not in document.value}
        (tmp_path / "recipe.yaml").write_text(code + "".join(f"{key}: {value}\n" for key, value in others.items()))
        recipe = load_recipe(str(tmp_path / "recipe.yaml"))
        assert recipe.info.name == {**others, **document.value}["family"]


@pytest.mark.parametrize("name", PAGES)
def test_python_and_toml_are_such(page, name: str) -> None:
    for code in page(name).blocks("python"):
        assert ast.parse(code, filename=name).body
    for code in page(name).blocks("toml"):
        assert tomllib.loads(code)


def test_every_reason_is_needed(page) -> None:
    lines = [" ".join(words) for name in PAGES for words in commands(page(name))]
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in lines)] == []
