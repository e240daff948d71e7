"""Every code block of every page works: it is run, or it is listed with a reason.

Commands run in the order of the page, in an empty folder, with shorter training and fewer samples (`_shorter`), on
images that this test writes if a command names some. If two pages contain the same training command, it runs once and
the run is copied.

Commands that are not run are parsed by the parser of the program, and recipes of `gan train` are loaded with their
options; NOT_RUN states the reasons. Three pages have their own tests, which run their commands on the packages that the
pages print.
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
from gancli.weights.name_mapping import NameMapping

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
"""Pages whose commands need files that the page prints."""

GENERATED_FROM = {page: f"plugins/{Path(page).stem}/README.md" for page in PAGES if page.startswith("docs/families/")}
"""Pages with the commands of another page, which are run there."""

NOT_RUN = {
    r"gan train paper/": "takes hours and downloads data; test_every_recipe_runs.py trains it on synthetic data",
    r"gan train \S+-mnist\b": "downloads MNIST; test_every_recipe_runs.py trains it on synthetic data",
    r"gan translate face\.png": "needs the model of a recipe that is not run",
    r"gan .*\$digit": "in a shell loop",
    r"gan eval runs/normal-\*": "needs the runs of that loop",
    r"gan convert": "needs weights of another program; test_convert.py and test_s2_foreign_files.py write such files",
    r"gan upscale models/srresnet": "needs those weights",
    r"gan eval --metrics psnr,ssim,lpips": "downloads AlexNet; test_lpips.py tests the metric without these weights",
    r"gan .*--backbone inception": "downloads Inception; test_inception.py tests the network without these weights",
}
"""Commands that are only parsed, with the reason."""

OTHER_PROGRAMS = {
    "make": "builds an environment, or runs this test",
    "source": "activates the environment, which is active in the tests",
    "pip": "installs packages; tests/packages builds them",
    ".venv/bin/pip": "installs packages",
    "python": "test_quickstart.py does the same in its own process",
    "for": "shell loop",
    "done": "end of a shell loop",
}
"""Other programs that a block may call, with the reason why they are not run."""

BEFORE = {"docs/metrics.md": ["gan train cgan"], "docs/faq.md": ["gan recipes cp gan my.yaml"]}
"""Commands that a page assumes were run before."""

OMITTED = {
    "docs/quickstart.md": {"family": "pix2pix", "train": "{images: 100}"},
    "docs/recipes.md": {"family": "cgan", "data": "{source: digits}", "train": "{images: 100}"},
    "docs/faq.md": {"family": "gan", "data": "{source: digits}", "train": "{images: 100}"},
}
"""Sections of a recipe that the blocks of a page omit."""


@pytest.fixture(scope="session")
def short_runs() -> ModuleType:
    """Import the test that runs every bundled recipe, which has options to shorten each."""
    path = ROOT / "tests" / "cli" / "test_every_recipe_runs.py"
    spec = importlib.util.spec_from_file_location("gancli_short_runs", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], Path]:
    """Return the folder that keeps the runs of a training command for other pages with the same command."""
    root = tmp_path_factory.mktemp("trained")
    return lambda words: root / re.sub(r"\W+", "_", " ".join(words))


def why_not(line: str) -> str | None:
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, line)), None)


def commands(page: Any) -> list[list[str]]:
    """Return the calls of `gan` in the shell blocks of a page, without redirections."""
    return [words[: words.index(">")] if ">" in words else words for words in page.commands(*SHELL)]


@pytest.mark.parametrize(
    "name", [name for name in PAGES if name not in TESTED_ELSEWHERE and name not in GENERATED_FROM]
)
def test_commands_run(gan, page, short_runs, trained, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(preview, "ROWS", 1)
    lines = [words for words in commands(page(name)) if not why_not(" ".join(words))]
    before = [line.split() for line in BEFORE.get(name, [])] if lines else []
    for words in [*before, *lines]:
        _write_images(words)
        command = [*words[1:], *_shorter(words, short_runs)]
        stored = trained(command)
        if words[1] == "train" and stored.is_dir():
            shutil.copytree(stored, "runs", dirs_exist_ok=True)
            for manifest in Path("runs").glob("*/manifest.json"):
                os.utime(manifest)
            continue
        earlier = set(Path("runs").glob("*"))
        ended = gan(*command)
        assert ended.code == 0, f"{words}: {ended.err}"
        for run in set(Path("runs").glob("*")) - earlier if words[1] == "train" else ():
            shutil.copytree(run, stored / run.name)


def _shorter(words: list[str], short_runs: ModuleType) -> list[str]:
    """Return additional options that shorten a command."""
    if words[1] == "eval":
        return ["--samples", "20", "--labelled", "100"] if "--compare" not in words else []
    if words[1] != "train":
        return []
    recipe = words[2]
    options = [*short_runs.SHORT, *short_runs.NARROWER.get(recipe, [])]
    return [*(word for option in options for word in ("--set", option)), "--device", "cpu"]


def _write_images(words: list[str]) -> None:
    """Write the images that a command names: files, and folders that end in a slash or are in upper case."""
    for word in words[2:]:
        path = Path(word.rpartition("=")[2])
        if path.suffix in (".png", ".jpg") and words[words.index(word) - 1] != "--out":
            _write_image(path)
        elif (word.endswith("/") or word.isupper()) and not path.is_dir():
            path.mkdir(parents=True)
            for number in range(12):
                _write_image(path / f"{number}.png")


def _write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.radial_gradient("L").resize((40, 30)).convert("RGB").save(path)


@pytest.mark.parametrize("name", PAGES)
def test_commands_are_parsed(page, generate, name: str) -> None:
    tree = generate.command_tree()
    lines = commands(page(name))
    # Blocks of `text` also contain output and usage; only lines that begin with the name of a command are commands.
    lines += [
        words for words in page(name).commands("text") if " ".join(words[:2]) in tree and "[OPTIONS]" not in words
    ]
    assert [problem for words in lines for problem in problems(words)] == []


def problems(words: list[str]) -> Iterator[str]:
    """Yield the errors of the program's parser for a command line. Load the recipe of a training that is not run."""
    try:
        _parse(typer.main.get_command(app), words[0], words[1:])
    except Exception as error:
        if getattr(error, "exit_code", 1):
            yield f"{' '.join(words)}: {getattr(error, 'message', None) or error!r}"
            return
    reason = why_not(" ".join(words))
    if words[1:2] == ["train"] and reason and "$" not in " ".join(words):
        overrides = [option for previous, option in pairwise(words) if previous == "--set"]
        load_recipe(words[2], overrides)


def _parse(command: Any, name: str, arguments: list[str]) -> None:
    context = command.make_context(name, list(arguments))
    if hasattr(command, "resolve_command"):
        remaining = [*context._protected_args, *context.args]
        name, subcommand, remaining = command.resolve_command(context, remaining)
        _parse(subcommand, name, remaining)


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
    assert languages <= {*LANGUAGES, *SHELL}, "add the language to LANGUAGES or SHELL"
    lines = [line for code in page(name).blocks(*SHELL) for line in code.replace("\\\n", " ").splitlines()]
    unknown = [
        line
        for line in (re.sub(r"^([A-Z_]+=\S+ )+", "", line.strip()) for line in lines)
        if line and not line.startswith(("#", "gan ", "error:")) and line.split()[0] not in OTHER_PROGRAMS
    ]
    assert unknown == [], "add the program to OTHER_PROGRAMS with a reason"


@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs/write-a-family.md"])
def test_recipes_are_right(page, tmp_path: Path, name: str) -> None:
    for code in page(name).blocks("yaml"):
        document = parse(code, name=name)
        if name == "docs/foreign-weights.md":
            assert NameMapping(document.value)  # a weight mapping for `gan convert`, not a recipe
            continue
        if not document.value:  # only a comment
            continue
        added = {key: value for key, value in OMITTED.get(name, {}).items() if key not in document.value}
        (tmp_path / "recipe.yaml").write_text(code + "".join(f"{key}: {value}\n" for key, value in added.items()))
        recipe = load_recipe(str(tmp_path / "recipe.yaml"))
        assert recipe.info.name == {**added, **document.value}["family"]


@pytest.mark.parametrize("name", PAGES)
def test_python_and_toml_are_such(page, name: str) -> None:
    for code in page(name).blocks("python"):
        assert ast.parse(code, filename=name).body
    for code in page(name).blocks("toml"):
        assert tomllib.loads(code)


def test_every_reason_is_needed(page) -> None:
    lines = [" ".join(words) for name in PAGES for words in commands(page(name))]
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in lines)] == []
