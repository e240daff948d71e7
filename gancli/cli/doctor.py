"""`gan doctor`: devices and library versions of this machine, and problems of the installation."""

from __future__ import annotations

import json as jsonlib
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from gancli.cli.options import Json

LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "safetensors", "pydantic", "scikit-learn", "typer")


def doctor(json: Json = False) -> None:
    """Show devices and versions of this machine, and problems of the installation."""
    findings = examine()
    if json:
        print(jsonlib.dumps(findings))
        return

    from gancli.cli.display.console import TerminalConsole

    console = TerminalConsole()
    for name, value in findings.items():
        if name != "problems":
            shown = ", ".join(str(item) for item in value) if isinstance(value, list) else value
            console.print(f"{name:>12}  {shown}")
    for problem in findings["problems"]:
        console.print(f"     problem  {problem}")
    console.print("next: gan demo" if not findings["problems"] else "fix the problems, then: gan demo")


def examine() -> dict[str, Any]:
    """Return versions, devices, families, disk space, and `problems` as a list of sentences."""
    import torch

    import gancli
    from gancli.plugins.registry import registry

    problems = [f"the plugin {p.package} is broken: {p.fault}" for p in registry().plugins(recheck=True) if p.fault]
    problems += _torchvision_problem()
    free = shutil.disk_usage(Path.cwd()).free
    if free < 1e9:
        problems.append(f"only {free / 1e6:,.0f} MB are free in {Path.cwd()}; a run may need more")
    if not os.access(Path.cwd(), os.W_OK):
        problems.append(f"{Path.cwd()} is not writable; runs are written to runs/ in the working directory")
    return {
        "gancli": gancli.__version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "libraries": [f"{name} {_version(name)}" for name in LIBRARIES],
        "devices": _devices(),
        "threads": torch.get_num_threads(),
        "families": sorted(registry().families()),
        "disk free": f"{free / 1e9:,.1f} GB",
        "problems": problems,
    }


def _devices() -> list[str]:
    import torch

    devices = ["cpu"]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        memory = torch.cuda.get_device_properties(index).total_memory
        devices.append(f"cuda:{index} ({torch.cuda.get_device_name(index)}, {memory / 1e9:.0f} GB)")
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices


def _torchvision_problem() -> list[str]:
    try:
        import torchvision  # noqa: F401 - a build that does not match torch fails on import
    except Exception as error:
        reason = str(error).splitlines()[0]
        return [f"torchvision does not match torch ({reason}); install both together: pip install -U torch torchvision"]
    return []


def _version(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
