"""`gan plugins`."""

from __future__ import annotations

import json as jsonlib

from gancli.plugins.registry import Plugin, registry


def ls(*, json: bool) -> None:
    """Prints every plugin with its package, version, families, tasks, data sources, metrics, trackers and fault."""
    plugins = registry().plugins()
    if json:
        listed = [
            {
                "name": plugin.name,
                "package": plugin.package,
                "version": plugin.version,
                "families": [
                    {"name": info.name, "tasks": list(info.tasks), "paper": info.paper} for info in plugin.families
                ],
                "datasets": [info.name for info in plugin.datasets],
                "metrics": [info.name for info in plugin.metrics],
                "trackers": [info.name for info in plugin.trackers],
                "fault": plugin.fault,
                "where": str(plugin.where) if plugin.where else None,
            }
            for plugin in plugins
        ]
        print(jsonlib.dumps(listed))
        return

    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("package", "version", "family", "does", box=None, pad_edge=False)
    for plugin in plugins:
        for info in plugin.families:
            table.add_row(plugin.package, plugin.version, info.name, ", ".join(info.tasks))
        if not plugin.families and not plugin.fault:
            table.add_row(plugin.package, plugin.version, "", _brings(plugin))
    console.print(table)
    for plugin in plugins:
        if plugin.fault:
            where = f", {plugin.where}" if plugin.where else ""
            line = f"broken: {plugin.package} {plugin.version} ({plugin.name}{where}): {plugin.fault}"
            console.print(line, markup=False, highlight=False)
    console.print("next: gan recipes ls", markup=False)


def _brings(plugin: Plugin) -> str:
    """What a plugin without families is good for."""
    sources = [f"{len(plugin.datasets)} data sources"] if plugin.datasets else []
    metrics = [f"metrics: {', '.join(info.name for info in plugin.metrics)}"] if plugin.metrics else []
    trackers = [f"trackers: {', '.join(info.name for info in plugin.trackers)}"] if plugin.trackers else []
    return "; ".join(sources + metrics + trackers)
