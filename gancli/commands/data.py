"""`gan data`: what there is to train on, and what is wrong with it."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.errors import DataError, UsageError
from gancli.plugins import import_class, registry

if TYPE_CHECKING:
    from rich.console import Console

    from gancli.data.source import Survey
    from gancli.recipe import SourceConfig

_CHANNELS = {1: "grey", 3: "colour", 4: "colour and opacity"}
_SHOWN = 20  # sizes and labels that the report names; --json has all


def ls(*, json: bool) -> None:
    """Prints every data source: name, summary, the batch keys it yields, what it needs; JSON adds its package."""
    rows: list[dict[str, Any]] = [
        {
            "name": info.name,
            "summary": info.summary,
            "yields": list(info.yields),
            "needs": info.needs,
            "package": plugin.package,
        }
        for plugin in registry().plugins()
        for info in plugin.datasets
    ]
    if json:
        print(jsonlib.dumps(rows))
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table("source", "what", "yields", "needs", box=None, pad_edge=False)
    for row in rows:
        cells = (row["name"], row["summary"], ", ".join(row["yields"]), row["needs"] or "nothing")
        table.add_row(*map(Text, cells))
    console.print(table)
    console.print("next: gan data check digits", markup=False, highlight=False)


def check(target: str, overrides: list[str], *, json: bool) -> None:
    """Decodes every image of a folder, a source or a recipe's data, and prints what they are.

    Args:
        target: a folder's path, the name of a data source, or a recipe's path or name, looked up in this order: a
            source, where the name has no slash; a folder; a recipe.
        overrides: as `--set` takes them. Folders and sources are checked whole unless they set `data.split`.
        json: prints one object instead of the report.

    Raises:
        UsageError: there is no such target, or the options are wrong.
        DataError: there is nothing to check; or, after the report, some images cannot be read.
    """
    from gancli.data.dataset import open_source

    config, command = _config(target, overrides)
    with _progress(config.source) as progress:
        survey = open_source(config).survey(progress)
    if json:
        print(jsonlib.dumps({"target": target, **survey.to_json()}))
    else:
        _report(target, survey)
    skips = getattr(config, "unreadable", None)  # None: the source has no such option
    if survey.unreadable and skips != "skip":
        remedy = "remove them, or set data.unreadable=skip" if skips else "fetch them again"
        total = survey.count + len(survey.unreadable)
        raise DataError(f"{len(survey.unreadable):,} of {total:,} images cannot be read; {remedy}")
    if not json:
        print(f"next: {command}")


def _config(target: str, overrides: list[str]) -> tuple[SourceConfig, str]:
    """The options to check with, and the command that would train on them."""
    from gancli.recipe import load_recipe

    is_path = os.sep in target or target.startswith((".", "~"))
    is_recipe = target.endswith((".yaml", ".yml"))
    if not is_path and target in registry().datasets():
        return _from_values({"source": target, "split": "all"}, overrides)
    folder = Path(target).expanduser()
    if folder.is_dir() or (is_path and not is_recipe and not folder.exists() and not _is_bundled(target)):
        return _from_values({"source": "folder", "root": str(folder), "split": "all"}, overrides)
    try:
        config = load_recipe(target, overrides).data
    except UsageError as error:
        if folder.exists() or is_recipe or _is_bundled(target):
            raise
        raise UsageError(f"{target!r} is neither a data source, nor a folder, nor a recipe: {error}") from None
    return config, _command(target, overrides)


def _is_bundled(target: str) -> bool:
    from gancli.bundled import bundled

    return target in bundled()


def _from_values(values: dict[str, Any], overrides: list[str]) -> tuple[SourceConfig, str]:
    from pydantic import ValidationError

    from gancli.bundled import FIRST
    from gancli.recipe_draft import Draft
    from gancli.recipe_errors import complaints
    from gancli.strict_yaml import Document, inline

    draft = Draft(Document("data", {"data": dict(values)}), overrides)
    draft.finish()
    given = draft.sections["data"]
    model: type[SourceConfig] = import_class(registry().dataset(given["source"]).config)
    try:
        config = model.model_validate_json(jsonlib.dumps(given))
    except ValidationError as error:
        raise UsageError("; ".join(c.sentence for c in complaints(error, model, "data", given, {}))) from None
    settings = [f"data.{key}={inline(value)}" for key, value in values.items() if key != "split"]
    return config, _command(FIRST, settings + overrides)


def _command(recipe: str, settings: Iterable[str]) -> str:
    return shlex.join(["gan", "train", recipe, *(word for setting in settings for word in ("--set", setting))])


def _report(target: str, survey: Survey) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True)
    _say(console, f"{target}: {survey.count:,} images")
    _say(console, "height x width", _counts({f"{h}x{w}": count for (h, w), count in survey.sizes.items()}))
    _say(console, "channels", _counts({f"{n} {_CHANNELS.get(n, '')}": count for n, count in survey.channels.items()}))
    _say(console, "bits a channel", _counts({str(bits): count for bits, count in survey.bits.items()}))
    _say(console, f"{len(survey.labels):,} labels", _counts(survey.labels))
    for name in survey.ignored:
        _say(console, "ignored", name)
    for name, reason in survey.unreadable:
        _say(console, "unreadable", f"{name}: {reason}")


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:_SHOWN]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {more:,} more" if more else "")


def _say(console: Console, heading: str, text: str = "") -> None:
    """One line. Names of files and labels are strangers' text: what could steer the terminal is shown as its code."""
    line = f"  {heading}: {text}" if text else heading
    if text or not line.startswith("0 "):
        safe = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
        console.print(safe, markup=False, highlight=False)


@contextmanager
def _progress(source: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, in a terminal, once there is something to wait for."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"checking {source}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
