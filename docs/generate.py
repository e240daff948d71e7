"""Write the generated parts of the documentation, or with `--check` list those that are out of date.

A generated part of a Markdown page is between `<!-- generated: NAME -->` and `<!-- end of NAME -->`. `PARTS` maps each
name to the function that returns the text. The rest of the page is written by hand and not changed. The pages under
`docs/families`, `docs/api.md` and the diagram of the import layers are generated completely.

    make docs                           # write
    python docs/generate.py --check     # exit with 1 if anything would change
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
import tomllib
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import api_page
import excerpts
import family_pages
import house
import typer
from api_page import Docstring, anchor, escaped
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gancli import errors
from gancli.cli.app import EPILOG, app
from gancli.cli.train import MAY_CHANGE
from gancli.plugins import hookspecs
from gancli.plugins.hookspecs import ENTRY_POINT_GROUP
from gancli.plugins.registry import Plugin, Registry, import_class
from gancli.recipes.messages import wanted
from gancli.recipes.options import EvalConfig, SourceConfig, TrainConfig
from gancli.recipes.yaml import inline

ROOT = Path(__file__).resolve().parents[1]
API_PAGE = ROOT / "docs" / "api.md"

_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
_TYPES = {bool: "", int: "a whole number", float: "a number", str: "text", Path: "a path"}


def pages() -> list[Path]:
    """Return the pages that may contain generated parts."""
    by_hand = set((ROOT / "docs").glob("*.md")) - {API_PAGE}
    return [*sorted(by_hand), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def render(text: str) -> str:
    """Return the text of a page with current generated parts.

    Raises:
        KeyError: a marker has a name that is not in `PARTS`.
    """
    return _PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]().strip()}\n\n{match[3]}", text)


def outdated() -> dict[Path, str]:
    """Return the current text of each file whose text is out of date."""
    files = {page: render(page.read_text(encoding="utf-8")) for page in pages()} | generated_files()
    return {path: new for path, new in files.items() if not path.exists() or path.read_text(encoding="utf-8") != new}


def generated_files() -> dict[Path, str]:
    """Return the text of the files that are generated completely."""
    diagram = ROOT / "docs" / "pictures" / "house.svg"
    return family_pages.pages(_families(), ROOT) | {API_PAGE: api_page.render(ROOT), diagram: house.draw(ROOT)}


# The command line


def commands() -> str:
    """Return all commands with their arguments and options, in the order of the help page."""
    return "\n\n".join(_sections(typer.main.get_command(app), "gan"))


def command_tree(command: Any = None, path: str = "gan") -> dict[str, Any]:
    """Return all commands and groups of commands by their full names, such as `gan recipes ls`."""
    command = command or typer.main.get_command(app)
    tree = {path: command}
    for name, subcommand in getattr(command, "commands", {}).items():
        tree |= command_tree(subcommand, f"{path} {name}")
    return tree


def option_names(command: Any) -> set[str]:
    """Return the names of the options of a command, such as `--json` and `-n`."""
    return {"--help"} | {name for option in _parameters(command, "option") for name in _names(option)}


def _sections(command: Any, path: str) -> Iterator[str]:
    arguments, options = _parameters(command, "argument"), _parameters(command, "option")
    subcommands = getattr(command, "commands", {})
    words = [path, "[OPTIONS]", *(["COMMAND [ARGUMENTS]"] if subcommands else map(_placeholder, arguments))]
    yield f"{'##' if path.count(' ') < 2 else '###'} {path}"
    yield _help_of(command)
    yield f"```text\n{' '.join(words)}\n```"
    if subcommands:
        rows = [(f"[`{path} {name}`](#{anchor(f'{path} {name}')})", _help_of(sub)) for name, sub in subcommands.items()]
        yield _table(("command", "description"), rows)
    if arguments:
        rows = [(f"`{argument.name.upper()}`", _help_of(argument)) for argument in arguments]
        yield _table(("argument", "description"), rows)
    if options:
        rows = [(_names_of(option), _value(command, option), _default(option), _help_of(option)) for option in options]
        yield _table(("option", "value", "default", "description"), rows)
    if command.epilog:
        yield command.epilog
    for name, subcommand in subcommands.items():
        yield from _sections(subcommand, f"{path} {name}")


def _help_of(command: Any) -> str:
    r"""Return the help text of a command, an argument or an option, in which `\[` is a bracket that is no markup."""
    return (command.help or "").replace("\\[", "[")


def _parameters(command: Any, kind: str) -> list[Any]:
    return [
        parameter
        for parameter in command.params
        if parameter.param_type_name == kind and not getattr(parameter, "hidden", False)
    ]


def _placeholder(argument: Any) -> str:
    word = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return word if argument.required else f"[{word}]"


def _names(option: Any) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def _names_of(option: Any) -> str:
    return ", ".join(f"`{name}`" for name in _names(option))


def _value(command: Any, option: Any) -> str:
    """Return a description of the values that an option accepts; empty for a flag."""
    if option.is_flag:
        return ""
    annotation = typing.get_type_hints(inspect.unwrap(command.callback))[option.name]
    types = [member for member in _members(annotation) if member is not type(None)]
    if isinstance(types[0], str):  # a Literal
        return ", ".join(f"`{value}`" for value in types if isinstance(value, str))
    minimum = f", {option.min} or more" if getattr(option, "min", None) is not None else ""
    value = f"`{option.metavar}`" if option.metavar else _TYPES[types[0]] + minimum
    return f"{value}; may be repeated" if option.multiple else value


def _members(annotation: Any) -> Sequence[Any]:
    """Return the classes in a union or a list, such as str and None, or the values of a Literal."""
    parts = typing.get_args(annotation)
    return [member for part in parts for member in _members(part)] if parts else [annotation]


def _default(option: Any) -> str:
    return "" if option.is_flag or option.default is None else f"`{option.default}`"


# Recipes


def train_options() -> str:
    return _options(TrainConfig, TrainConfig.model_fields)


def eval_options() -> str:
    return _options(EvalConfig, EvalConfig.model_fields)


def resumable() -> str:
    return ", ".join([*(f"`train.{name}`" for name in MAY_CHANGE), "and all of `eval:`"])


def data_options() -> str:
    return _options(SourceConfig, SourceConfig.model_fields)


def data_sources() -> str:
    """Return a table of the data sources of gancli itself."""
    rows = [
        (f"`{info.name}`", info.summary, ", ".join(f"`{key}`" for key in info.yields), info.needs or "nothing")
        for info in _core().datasets
    ]
    return _table(("source", "description", "yields", "needs"), rows)


def source_options() -> str:
    """Return the options of single data sources, in addition to those that all sources have."""
    sources: dict[str, list[str]] = {}
    for info in _core().datasets:
        sources.setdefault(info.config, []).append(f"`{info.name}`")
    parts = []
    for config, names in sources.items():
        model = import_class(config)
        own = [name for name in model.model_fields if name not in SourceConfig.model_fields]
        heading = [", ".join(names)] if len(names) > 1 else []  # a description begins with the name of its source
        parts += [*heading, _description(model), *([_options(model, own)] if own else [])]
    return "\n\n".join(parts)


def model_options() -> str:
    """Return the options of the `model:` section of each family of this checkout."""
    parts = []
    for plugin in _bundled():
        for info in plugin.families:
            model = import_class(info.config)
            keys = ", ".join(f"`{key}`" for key in info.batch)
            tasks = ", ".join(f"`{task}`" for task in info.tasks)
            parts += [
                f"### family: {info.name}",
                f"{_sentence(info.summary)} {info.paper}. Batch keys: {keys}. Tasks: {tasks}. Package: "
                f"`{plugin.package}`.",
                _description(model),
                _options(model, model.model_fields),
            ]
    return "\n\n".join(parts)


def families() -> str:
    """Return a table of the families of this checkout, with figures."""
    return family_pages.table(_families(), ROOT)


def _families() -> list[hookspecs.FamilyInfo]:
    return [info for plugin in _bundled() for info in plugin.families]


def _options(model: type[BaseModel], fields: Iterable[str]) -> str:
    rows = []
    for name in fields:
        field = model.model_fields[name]
        kind = re.sub(r"'([^']*)'", r"`\1`", wanted(field.annotation, field.metadata))
        rows.append((f"`{name}`", kind, _default_of(field), field.description or ""))
    return _table(("option", "value", "default", "description"), rows)


def _default_of(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"`{inline(field.default)}`"


def _core() -> Plugin:
    """Return the built-in plugins of gancli as one, regardless of other installed plugins."""
    return _loaded(ROOT / "pyproject.toml")[0]


def _bundled() -> list[Plugin]:
    """Return the plugins of this checkout, regardless of other installed plugins."""
    return [plugin for path in sorted(ROOT.glob("plugins/*/pyproject.toml")) for plugin in _loaded(path)]


def _loaded(path: Path) -> list[Plugin]:
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    entry_points = project["entry-points"][ENTRY_POINT_GROUP]
    plugins = Registry(
        [metadata.EntryPoint(name=name, value=value, group=ENTRY_POINT_GROUP) for name, value in entry_points.items()]
    ).plugins()
    for plugin in plugins:
        plugin.package = project["name"]
        if plugin.fault:
            raise SystemExit(f"{path}: {plugin.fault}; is it installed? `make docs` installs it")
    return plugins


# Hooks, errors, layers


def hooks() -> str:
    """Return the hooks and the records that they return, from the docstrings of `gancli.plugins.hookspecs`."""
    parts = []
    for hook in vars(hookspecs).values():
        if getattr(hook, "gancli_spec", None):
            returns = inspect.signature(hook).return_annotation
            parts += [f"### {hook.__name__}()", f"Returns `{returns}`.", _description(hook)]
    for record in vars(hookspecs).values():
        if isinstance(record, type) and dataclasses.is_dataclass(record):
            doc = Docstring(inspect.getdoc(record) or "")
            about = dict(doc.arguments)
            rows = [(f"`{field.name}`", f"`{field.type}`", about[field.name]) for field in dataclasses.fields(record)]
            parts += [f"### {record.__name__}", doc.description, _table(("field", "type", "description"), rows)]
    return "\n\n".join(parts)


def exit_codes() -> str:
    """Return a table of the exit codes: those of `gancli.errors`, and those of other ends of the program."""
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GanError)]
    rows = [(str(kind.exit_code), f"`{kind.__name__}`", _description(kind)) for kind in classes if kind.exit_code > 1]
    rows += [
        ("0", "", "Success."),
        ("1", "", "Internal error. Set `GANCLI_DEBUG=1` to show the traceback, and report it."),
        ("130", "", "Aborted by Ctrl-C: there was nothing to save, or Ctrl-C was pressed a second time."),
    ]
    assert all(row[0] in EPILOG for row in rows if row[0] != "1"), "the help page and gancli.errors disagree"
    return _table(("code", "exception", "meaning"), sorted(rows, key=lambda row: int(row[0])))


def layers() -> str:
    """Return the import layers, from the settings of import-linter."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = [contract for contract in settings["contracts"] if contract["type"] == "layers"]
    return "```text\n" + "\n".join(contract["layers"]) + "\n```"


# Code


def _published(name: str, *parts: str) -> str:
    """Return code of the family wgan-gp, which `docs/write-a-family.md` explains."""
    file = ROOT / "plugins" / "wgan-gp" / name
    return excerpts.part(file, *parts) if parts else excerpts.whole(file)


# Markdown


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that are empty in every row."""
    body = [list(row) for row in rows]
    columns = [index for index in range(len(head)) if any(row[index] for row in body)]
    lines = [[head[index] for index in columns], ["---"] * len(columns)]
    lines += [[escaped(row[index].replace("|", "\\|")) for index in columns] for row in body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _description(documented: Any) -> str:
    return _one_line_paragraphs(inspect.getdoc(documented) or "")


def _one_line_paragraphs(text: str) -> str:
    """Return text with each paragraph on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# Promises


def promise_figures() -> str:
    """Return the figures of the last long run of the fault tests, one row for each promise."""
    promises = json.loads((ROOT / "docs" / "promises.json").read_text(encoding="utf-8"))["promises"]
    if not promises:
        return "No long run of this version has been recorded yet."
    header = ("promise", "faults injected", "tests", "failed", "skipped", "time", "largest process", "date")
    rows = [
        (
            name,
            f"{row['injected']:,}" if row["injected"] else "-",
            f"{row['tests']:,}",
            str(row["failed"]),
            str(row["skipped"]),
            f"{row['seconds'] / 60:,.1f} min",
            f"{row['peak_mb'] / 1000:,.1f} GB",
            row["date"],
        )
        for name, row in promises.items()
    ]
    return _table(header, rows)


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "train-options": train_options,
    "eval-options": eval_options,
    "resumable": resumable,
    "data-options": data_options,
    "data-sources": data_sources,
    "source-options": source_options,
    "model-options": model_options,
    "hooks": hooks,
    "exit-codes": exit_codes,
    "layers": layers,
    "promise-figures": promise_figures,
    "families": families,
    "wgan-gp-plugin": lambda: _published("gancli_wgan_gp/plugin.py"),
    "wgan-gp-players": lambda: _published("gancli_wgan_gp/family.py", "WGANGP.players", "WGANGP.stages"),
    "wgan-gp-critic": lambda: _published("gancli_wgan_gp/family.py", "WGANGP.critic_loss"),
    "wgan-gp-generator": lambda: _published("gancli_wgan_gp/family.py", "WGANGP.generator_loss"),
    "wgan-gp-sample": lambda: excerpts.part(
        ROOT / "gancli" / "latent.py", "LatentSampler.latent", "LatentSampler.sample"
    ),
    "wgan-gp-penalty": lambda: excerpts.part(ROOT / "gancli" / "losses.py", "gradient_penalty"),
    "wgan-gp-contract": lambda: _published("tests/test_contract.py", "TestGradientPenalty", "TestClippedWeights"),
    "wgan-gp-golden": lambda: _published("tests/test_golden.py", "test_the_penalty_of_a_linear_critic"),
}
"""Functions that return the generated parts, by the names in the markers."""


def main(arguments: Sequence[str]) -> int:
    """Write or check all files. Return 1 if `--check` finds a file that is out of date, otherwise 0."""
    changed = outdated()
    for page, text in changed.items():
        if "--check" not in arguments:
            page.write_text(text, encoding="utf-8")
        result = "is out of date; run: make docs" if "--check" in arguments else "written"
        print(f"{page.relative_to(ROOT)} {result}")
    return 1 if changed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
