"""`gan plugins`: list plugins, create one, check one."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING

import typer

from gancli.cli.options import Json
from gancli.cli.plugin_check import check
from gancli.cli.plugin_new import new

if TYPE_CHECKING:
    from gancli.plugins.loading import Plugin

plugins_app = typer.Typer(name="plugins", help="Plugins: list, create, check.", no_args_is_help=True)


@plugins_app.command()
def ls(json: Json = False) -> None:
    """List plugins with their packages, families and faults."""
    from gancli.plugins.registry import registry

    plugins = registry().plugins(recheck=True)
    if json:
        print(jsonlib.dumps([_to_json(plugin) for plugin in plugins]))
        return

    from rich.table import Table

    from gancli.cli.display.console import TerminalConsole

    console = TerminalConsole()
    table = Table("package", "version", "family", "provides", box=None, pad_edge=False)
    for plugin in plugins:
        for info in plugin.families:
            table.add_row(plugin.package, plugin.version, info.name, ", ".join(info.tasks))
        if not plugin.families and not plugin.fault:
            table.add_row(plugin.package, plugin.version, "", _provided(plugin))
    console.print(table)
    for plugin in plugins:
        if plugin.fault:
            where = f", {plugin.where}" if plugin.where else ""
            line = f"broken: {plugin.package} {plugin.version} ({plugin.name}{where}): {plugin.fault}"
            console.print(line)
    console.print("next: gan recipes ls")


plugins_app.command()(new)
plugins_app.command()(check)


def _to_json(plugin: Plugin) -> dict[str, object]:
    families = [{"name": info.name, "tasks": list(info.tasks), "paper": info.paper} for info in plugin.families]
    return {
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "families": families,
        "datasets": [info.name for info in plugin.datasets],
        "metrics": [info.name for info in plugin.metrics],
        "trackers": [info.name for info in plugin.trackers],
        "fault": plugin.fault,
        "where": str(plugin.where) if plugin.where else None,
    }


def _provided(plugin: Plugin) -> str:
    """List the data sources, metrics and trackers of a plugin without families."""
    sources = [f"{len(plugin.datasets)} data sources"] if plugin.datasets else []
    metrics = [f"metrics: {', '.join(info.name for info in plugin.metrics)}"] if plugin.metrics else []
    trackers = [f"trackers: {', '.join(info.name for info in plugin.trackers)}"] if plugin.trackers else []
    return "; ".join(sources + metrics + trackers)
