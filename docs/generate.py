"""Writes the generated parts of the documentation, or with `--check` says which of them are out of date.

A generated part stands in a Markdown page between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; `PARTS` says
what each name is made of. Everything else on a page is written by hand and left alone. The pages under `docs/families`
and the picture of the house are generated as a whole.

    make docs                           # write
    python docs/generate.py --check     # exit 1 if anything would change
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import tomllib
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import excerpts
import family_pages
import house
import typer
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

_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
_TYPES = {bool: "", int: "a whole number", float: "a number", str: "text", Path: "a path"}


def pages() -> list[Path]:
    """The pages that may hold generated parts."""
    return [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def render(text: str) -> str:
    """A page with its generated parts made anew.

    Raises:
        KeyError: a marker names a part that does not exist.
    """
    return _PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]().strip()}\n\n{match[3]}", text)


def outdated() -> dict[Path, str]:
    """The files that differ from what they should be, with what they should be."""
    wanted = {page: render(page.read_text(encoding="utf-8")) for page in pages()} | whole_files()
    return {path: new for path, new in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != new}


def whole_files() -> dict[Path, str]:
    """The files without a word by hand, and what they should be."""
    return family_pages.pages(_families(), ROOT) | {ROOT / "docs" / "pictures" / "house.svg": house.draw(ROOT)}


# The command line


def commands() -> str:
    """Every command with its arguments and options, in the order of the help page."""
    return "\n\n".join(_sections(typer.main.get_command(app), "gan"))


def command_tree(command: Any = None, path: str = "gan") -> dict[str, Any]:
    """Every command and group by what is typed, such as `gan recipes ls`."""
    command = command or typer.main.get_command(app)
    tree = {path: command}
    for name, inner in getattr(command, "commands", {}).items():
        tree |= command_tree(inner, f"{path} {name}")
    return tree


def option_names(command: Any) -> set[str]:
    """What a command takes, such as `--json` and `-n`."""
    return {"--help"} | {name for option in _parameters(command, "option") for name in _names(option)}


def _sections(command: Any, path: str) -> Iterator[str]:
    arguments, options = _parameters(command, "argument"), _parameters(command, "option")
    inner = getattr(command, "commands", {})
    words = [path, "[OPTIONS]", *(["COMMAND [ARGUMENTS]"] if inner else map(_placeholder, arguments))]
    yield f"{'##' if path.count(' ') < 2 else '###'} {path}"
    yield f"{command.help}"
    yield f"```text\n{' '.join(words)}\n```"
    if inner:
        rows = [(f"[`{path} {name}`](#{_anchor(f'{path} {name}')})", each.help) for name, each in inner.items()]
        yield _table(("command", "does"), rows)
    if arguments:
        rows = [(f"`{argument.name.upper()}`", argument.help) for argument in arguments]
        yield _table(("argument", "is"), rows)
    if options:
        rows = [(_names_of(option), _takes(command, option), _default(option), option.help or "") for option in options]
        yield _table(("option", "takes", "default", "does"), rows)
    if command.epilog:
        yield command.epilog
    for name, each in inner.items():
        yield from _sections(each, f"{path} {name}")


def _parameters(command: Any, kind: str) -> list[Any]:
    return [each for each in command.params if each.param_type_name == kind and not getattr(each, "hidden", False)]


def _placeholder(argument: Any) -> str:
    word = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return word if argument.required else f"[{word}]"


def _names(option: Any) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def _names_of(option: Any) -> str:
    return ", ".join(f"`{name}`" for name in _names(option))


def _takes(command: Any, option: Any) -> str:
    if option.is_flag:
        return ""
    kind = typing.get_type_hints(inspect.unwrap(command.callback))[option.name]
    plain = next(each for each in _members(kind) if each is not type(None))
    least = f", {option.min} or more" if getattr(option, "min", None) is not None else ""
    if isinstance(plain, str):  # of a Literal
        return ", ".join(f"`{each}`" for each in _members(kind) if isinstance(each, str))
    word = f"`{option.metavar}`" if option.metavar else _TYPES[plain] + least
    return f"{word}; may be repeated" if option.multiple else word


def _members(kind: Any) -> Sequence[Any]:
    """The classes in a union or a list, such as str and None, or the values of a Literal."""
    parts = typing.get_args(kind)
    return [inner for part in parts for inner in _members(part)] if parts else [kind]


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
    """Every source that gancli itself brings."""
    rows = [
        (f"`{info.name}`", info.summary, ", ".join(f"`{key}`" for key in info.yields), info.needs or "nothing")
        for info in _core().datasets
    ]
    return _table(("source", "what", "yields", "needs"), rows)


def source_options() -> str:
    """What single sources take beyond the options of all."""
    users: dict[str, list[str]] = {}
    for info in _core().datasets:
        users.setdefault(info.config, []).append(f"`{info.name}`")
    parts = []
    for reference, names in users.items():
        model = import_class(reference)
        own = {name: field for name, field in model.model_fields.items() if name not in SourceConfig.model_fields}
        text = f"{', '.join(names)}\n\n{_paragraph(model)}"
        parts.append(text + (f"\n\n{_options(model, own)}" if own else ""))
    return "\n\n".join(parts)


def model_options() -> str:
    """The `model:` section of every family that this checkout brings."""
    parts = []
    for plugin in _bundled():
        for info in plugin.families:
            model = import_class(info.config)
            keys = ", ".join(f"`{key}`" for key in info.batch)
            tasks = ", ".join(f"`{task}`" for task in info.tasks)
            parts += [
                f"### family: {info.name}",
                f"{_sentence(info.summary)} {info.paper}. Reads {keys}; can {tasks}. From the package "
                f"`{plugin.package}`.",
                _paragraph(model),
                _options(model, model.model_fields),
            ]
    return "\n\n".join(parts)


def families() -> str:
    """Every family that this checkout brings, with a picture."""
    return family_pages.table(_families(), ROOT)


def _families() -> list[hookspecs.FamilyInfo]:
    return [info for plugin in _bundled() for info in plugin.families]


def _options(model: type[BaseModel], fields: Iterable[str]) -> str:
    rows = []
    for name in fields:
        field = model.model_fields[name]
        kind = re.sub(r"'([^']*)'", r"`\1`", wanted(field.annotation, field.metadata))
        rows.append((f"`{name}`", kind, _default_of(field), field.description or ""))
    return _table(("option", "takes", "default", "is"), rows)


def _default_of(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"`{inline(field.default)}`"


def _core() -> Plugin:
    """What gancli itself brings, whatever else is installed."""
    return _loaded(ROOT / "pyproject.toml")[0]


def _bundled() -> list[Plugin]:
    """The plugins of this checkout, whatever else is installed."""
    return [plugin for path in sorted(ROOT.glob("plugins/*/pyproject.toml")) for plugin in _loaded(path)]


def _loaded(path: Path) -> list[Plugin]:
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    named = project["entry-points"][ENTRY_POINT_GROUP]
    plugins = Registry(
        [metadata.EntryPoint(name=name, value=value, group=ENTRY_POINT_GROUP) for name, value in named.items()]
    ).plugins()
    for plugin in plugins:
        plugin.package = project["name"]
        if plugin.fault:
            raise SystemExit(f"{path}: {plugin.fault}; is it installed? `make docs` installs it")
    return plugins


# Hooks, errors, layers


def hooks() -> str:
    """The hooks, then what they hand over, from the docstrings of `gancli.plugins.hookspecs`."""
    found = [value for value in vars(hookspecs).values() if getattr(value, "gancli_spec", None)]
    parts = []
    for hook in found:
        returns = inspect.signature(hook).return_annotation
        parts += [f"### {hook.__name__}()", f"Returns `{returns}`.\n\n{_paragraph(hook)}"]
    for kind in vars(hookspecs).values():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            about, fields = _documented(kind)
            rows = [(f"`{each.name}`", f"`{each.type}`", fields[each.name]) for each in dataclasses.fields(kind)]
            parts += [f"### {kind.__name__}", about, _table(("field", "type", "is"), rows)]
    return "\n\n".join(parts)


def exit_codes() -> str:
    """The codes of `gancli.errors`, and those that are not ours."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GanError)]
    rows = [(str(kind.exit_code), f"`{kind.__name__}`", _paragraph(kind)) for kind in kinds if kind.exit_code > 1]
    rows += [
        ("0", "", "Done."),
        ("1", "", "A fault of the program itself; `GANCLI_DEBUG=1` shows the traceback to report."),
        ("130", "", "Aborted by Ctrl-C, where there was nothing to save or at the second Ctrl-C."),
    ]
    assert all(row[0] in EPILOG for row in rows if row[0] != "1"), "the help page and gancli.errors disagree"
    return _table(("code", "raised as", "means"), sorted(rows, key=lambda row: int(row[0])))


def layers() -> str:
    """Who may import whom, from the settings of import-linter."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = [contract for contract in settings["contracts"] if contract["type"] == "layers"]
    return "```text\n" + "\n".join(contract["layers"]) + "\n```"


# Code


def _published(name: str, *parts: str) -> str:
    """Code of the family wgan-gp, which a page walks through."""
    file = ROOT / "plugins" / "wgan-gp" / name
    return excerpts.part(file, *parts) if parts else excerpts.whole(file)


# Markdown


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without the columns that are empty in every row."""
    body = [list(row) for row in rows]
    full = [index for index in range(len(head)) if any(row[index] for row in body)]
    lines = [[head[index] for index in full], ["---"] * len(full)]
    lines += [[_escaped(row[index]) for index in full] for row in body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(cell: str) -> str:
    """A cell in which nothing but code and links is Markdown: `<recipe>` would vanish as HTML."""
    pieces = re.split(r"(`[^`]*`)", cell.replace("|", "\\|"))
    return "".join(piece if piece.startswith("`") else re.sub(r"([<*])", r"\\\1", piece) for piece in pieces)


def _anchor(heading: str) -> str:
    """The address of a heading on its page, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _paragraph(documented: Any) -> str:
    """A docstring on one line for each paragraph."""
    text = inspect.getdoc(documented) or ""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _documented(kind: type) -> tuple[str, dict[str, str]]:
    """What a class's docstring says about it, and about each of its arguments."""
    about, _, listed = (inspect.getdoc(kind) or "").partition("\n\nArgs:\n")
    items = re.findall(r"^    (\w+): (.*?)(?=^    \w|\Z)", listed, re.DOTALL | re.MULTILINE)
    return " ".join(about.split()), {name: " ".join(text.split()) for name, text in items}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


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
    "families": families,
    "wgan-gp-plugin": lambda: _published("gancli_wgan_gp/plugin.py"),
    "wgan-gp-players": lambda: _published("gancli_wgan_gp/family.py", "WGANGP.players", "WGANGP.stages"),
    "wgan-gp-critic": lambda: _published("gancli_wgan_gp/family.py", "WGANGP.critic_loss"),
    "wgan-gp-generator": lambda: _published("gancli_wgan_gp/family.py", "WGANGP.generator_loss"),
    "wgan-gp-sample": lambda: _published("gancli_wgan_gp/family.py", "WGANGP.latent", "WGANGP.sample"),
    "wgan-gp-penalty": lambda: excerpts.part(ROOT / "gancli" / "losses.py", "gradient_penalty"),
    "wgan-gp-contract": lambda: _published("tests/test_contract.py", "TestGradientPenalty", "TestClippedWeights"),
    "wgan-gp-golden": lambda: _published("tests/test_golden.py", "test_the_penalty_of_a_linear_critic"),
}
"""What may stand between markers, by name."""


def main(arguments: Sequence[str]) -> int:
    changed = outdated()
    for page, text in changed.items():
        if "--check" not in arguments:
            page.write_text(text, encoding="utf-8")
        verb = "is out of date; run: make docs" if "--check" in arguments else "written"
        print(f"{page.relative_to(ROOT)} {verb}")
    return 1 if changed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
