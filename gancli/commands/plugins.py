"""`gan plugins`."""

from __future__ import annotations

import json as jsonlib

from gancli.plugins import registry


def ls(*, json: bool) -> None:
    """Prints every plugin with its package, version, families, tasks and fault."""
    plugins = registry().plugins()
    if json:
        listed = [
            {
                "name": plugin.name,
                "package": plugin.package,
                "version": plugin.version,
                "families": [{"name": info.name, "tasks": list(info.tasks)} for info in plugin.families],
                "datasets": [info.name for info in plugin.datasets],
                "fault": plugin.fault,
            }
            for plugin in plugins
        ]
        print(jsonlib.dumps(listed))
        return

    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("package", "version", "family", "does", "paper", box=None, pad_edge=False)
    for plugin in plugins:
        for info in plugin.families:
            table.add_row(plugin.package, plugin.version, info.name, ", ".join(info.tasks), info.paper)
        if not plugin.families and not plugin.fault:
            table.add_row(plugin.package, plugin.version, "", f"{len(plugin.datasets)} data sources", "")
    console.print(table)
    for plugin in plugins:
        if plugin.fault:
            console.print(f"broken: {plugin.package} {plugin.version} ({plugin.name}): {plugin.fault}", markup=False)
    console.print("next: gan recipes ls", markup=False)
