"""`gan data`: list data sources and check images."""

from __future__ import annotations

import json as jsonlib
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancli.cli.options import Json, Set
from gancli.errors import DataError
from gancli.io.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from gancli.data.source import DataSummary

data_app = typer.Typer(name="data", help="Data sources: list, check.", no_args_is_help=True)

_CHANNELS = {1: "grey", 3: "colour", 4: "colour and opacity"}

_MAX_LISTED = 20
"""Sizes and labels that the text report lists; --json lists all."""


@data_app.command()
def ls(json: Json = False) -> None:
    """List the data sources."""
    from gancli.plugins.registry import registry

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

    from rich.table import Table

    from gancli.cli.display.console import TerminalConsole

    console = TerminalConsole()
    table = Table("source", "content", "yields", "needs", box=None, pad_edge=False)
    for row in rows:
        cells = (row["name"], row["summary"], ", ".join(row["yields"]), row["needs"] or "nothing")
        table.add_row(*cells)
    console.print(table)
    console.print("next: gan data check digits")


@data_app.command()
def check(
    target: Annotated[str, typer.Argument(help="Folder of images, data source or recipe.")],
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Decode all images, count and measure them, and list every file that cannot be read."""
    from gancli.cli.display.progress import progress_bar
    from gancli.cli.shared.data_target import find_data
    from gancli.data.dataset import open_source
    from gancli.data.sources.paired import larger_targets

    overrides = overrides or []
    config, command, is_recipe = find_data(target, overrides)
    with progress_bar(config.source, "checking") as progress:
        summary = open_source(config).survey(progress)
    upscaling = summary.scale is not None and summary.scale > 1
    if upscaling:
        options = (word for option in overrides for word in ("--set", option))
        command = shlex.join(["gan", "eval", "--data", "paired", *options])
    if json:
        print(jsonlib.dumps({"target": target, **summary.to_json()}))
    else:
        _print_summary(target, summary)
    unreadable = getattr(config, "unreadable", None)  # None: the source has no such option
    if summary.unreadable and unreadable != "skip":
        remedy = "remove them, or set data.unreadable=skip" if unreadable else "replace them, or download them again"
        total = summary.count + len(summary.unreadable)
        raise DataError(f"{len(summary.unreadable):,} of {total:,} images cannot be read; {remedy}")
    if summary.problems:
        more = f" (and {len(summary.problems) - 1} more, see above)" if len(summary.problems) > 1 else ""
        raise DataError(summary.problems[0] + more)
    if upscaling and is_recipe:
        raise DataError(larger_targets(summary.scale))
    if not json:
        print(f"next: {command}")


def _print_summary(target: str, summary: DataSummary) -> None:
    from gancli.cli.display.console import TerminalConsole

    console = TerminalConsole(soft_wrap=True)
    if summary.kind == "points":
        _print_line(console, f"{target}: {summary.count:,} points")
        _print_line(console, "dimensions", ", ".join(map(str, summary.channels)))
        _print_line(console, f"{len(summary.labels):,} labels", _counts(summary.labels))
        return
    _print_line(console, f"{target}: {summary.count:,} images")
    _print_line(console, "height x width", _sizes(summary))
    _print_line(console, "channels", _channels(summary))
    _print_line(console, "bits a channel", _counts({str(bits): count for bits, count in summary.bits.items()}))
    _print_line(console, f"{len(summary.labels):,} labels", _counts(summary.labels))
    for key, part in summary.parts.items():
        _print_line(console, key, f"{part.count:,} images; {_sizes(part)}; {_channels(part)}")
    if summary.scale is not None and summary.scale > 1:
        _print_line(console, "scale", f"targets are {summary.scale} times as large as their sources")
    for name in summary.ignored:
        _print_line(console, "ignored", name)
    for name, reason in summary.unreadable:
        _print_line(console, "unreadable", f"{name}: {reason}")
    for note in (*summary.notes, *(note for part in summary.parts.values() for note in part.notes)):
        _print_line(console, "note", note)
    for problem in summary.problems:
        _print_line(console, "problem", problem)


def _sizes(summary: DataSummary) -> str:
    return _counts({f"{height}x{width}": count for (height, width), count in summary.sizes.items()})


def _channels(summary: DataSummary) -> str:
    return _counts({f"{number} {_CHANNELS.get(number, '')}": count for number, count in summary.channels.items()})


def _counts(counts: Mapping[str, int]) -> str:
    listed = [f"{name} ({count:,})" for name, count in list(counts.items())[:_MAX_LISTED]]
    more = len(counts) - len(listed)
    return ", ".join(listed) + (f", and {more:,} more" if more else "")


def _print_line(console: Console, heading: str, text: str = "") -> None:
    """Print one line, with unprintable characters of file names and labels escaped: they could control the terminal."""
    line = f"  {heading}: {text}" if text else heading
    if text or not line.startswith("0 "):
        console.print(visible(line))
