"""`gan data`: what there is to train on, and what is wrong with it."""

from __future__ import annotations

import json as jsonlib
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gancli.cli.shared.data_target import find_data
from gancli.errors import DataError
from gancli.plugins.registry import registry

if TYPE_CHECKING:
    from rich.console import Console

    from gancli.data.source import DataSummary


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
        target: a data source, a folder or a recipe, as `find_data` takes it.
        overrides: as `--set` takes them. Folders and sources are checked whole unless they set `data.split`.
        json: prints one object instead of the report.

    Raises:
        UsageError: there is no such target, or the options are wrong.
        DataError: there is nothing to check; or, after the report, some images cannot be read, or do not go together.
    """
    from gancli.data.dataset import open_source
    from gancli.data.sources.paired import larger_targets

    config, command, of_recipe = find_data(target, overrides)
    with _progress(config.source) as progress:
        survey = open_source(config).survey(progress)
    if enlarges := survey.scale is not None and survey.scale > 1:
        command = shlex.join(
            ["gan", "eval", "--data", "paired", *(word for option in overrides for word in ("--set", option))]
        )
    if json:
        print(jsonlib.dumps({"target": target, **survey.to_json()}))
    else:
        _report(target, survey)
    skips = getattr(config, "unreadable", None)  # None: the source has no such option
    if survey.unreadable and skips != "skip":
        remedy = "remove them, or set data.unreadable=skip" if skips else "replace them, or fetch them again"
        total = survey.count + len(survey.unreadable)
        raise DataError(f"{len(survey.unreadable):,} of {total:,} images cannot be read; {remedy}")
    if survey.problems:
        more = f" (and {len(survey.problems) - 1} more, see above)" if len(survey.problems) > 1 else ""
        raise DataError(survey.problems[0] + more)
    if enlarges and of_recipe:
        raise DataError(larger_targets(survey.scale))
    if not json:
        print(f"next: {command}")


def _report(target: str, survey: DataSummary) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True)
    if survey.kind == "points":
        _say(console, f"{target}: {survey.count:,} points")
        _say(console, "dimensions", ", ".join(map(str, survey.channels)))
        _say(console, f"{len(survey.labels):,} labels", _counts(survey.labels))
        return
    _say(console, f"{target}: {survey.count:,} images")
    _say(console, "height x width", _sizes(survey))
    _say(console, "channels", _channels(survey))
    _say(console, "bits a channel", _counts({str(bits): count for bits, count in survey.bits.items()}))
    _say(console, f"{len(survey.labels):,} labels", _counts(survey.labels))
    for key, part in survey.parts.items():
        _say(console, key, f"{part.count:,} images; {_sizes(part)}; {_channels(part)}")
    if survey.scale is not None and survey.scale > 1:
        _say(console, "scale", f"targets are {survey.scale} times as large as their sources")
    for name in survey.ignored:
        _say(console, "ignored", name)
    for name, reason in survey.unreadable:
        _say(console, "unreadable", f"{name}: {reason}")
    for problem in survey.problems:
        _say(console, "problem", problem)


def _sizes(survey: DataSummary) -> str:
    return _counts({f"{height}x{width}": count for (height, width), count in survey.sizes.items()})


def _channels(survey: DataSummary) -> str:
    return _counts({f"{number} {_CHANNELS.get(number, '')}": count for number, count in survey.channels.items()})


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
