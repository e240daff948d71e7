"""What a family says of itself before torch is there."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gancli.conformance import authored
from gancli.conformance.finding import Finding
from gancli.conformance.specimen import Specimen
from gancli.family import Detects, Samples, Translates, Upscales
from gancli.place import Place

TASKS = {"sample": Samples, "translate": Translates, "upscale": Upscales, "detect": Detects}

_IMPORTS = """
import json, os, sys
path, family, package = json.loads(sys.argv[1])
sys.path[:] = path

class Torch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            os.write(1, json.dumps(of_caller(package)).encode())
            os._exit(0)

from gancli.place import of_caller
from gancli.plugins import import_class, registry
sys.meta_path.insert(0, Torch())
import_class(registry().family(family).config)
"""


def needs_no_torch(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """A listing and a recipe's check must not wait for torch."""
    request = json.dumps([sys.path, specimen.info.name, specimen.package])
    ended = subprocess.run([sys.executable, "-c", _IMPORTS, request], capture_output=True, text=True, check=False)
    if ended.returncode:
        last = (ended.stderr.splitlines() or ["no reason given"])[-1]
        yield Finding(f"the plugin's module and its options cannot be imported: {last}")
    elif printed := ended.stdout.splitlines():
        where = json.loads(printed[-1])
        yield Finding(
            "torch is imported here, but plugin.py and config.py, and what they import, must do without, or `gan "
            'plugins ls` and every mistake in a recipe wait for it; name classes as "package.module:Class" instead',
            Place(*where) if where else None,
        )


def options_are_described(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """Every option has a description, and options that do not exist are refused."""
    options = type(specimen.config())
    for name, field in options.model_fields.items():
        if not field.description:
            yield Finding(
                f"the option {name!r} has no description; write {name}: ... = Field(..., description=...)",
                _field(options, name),
            )
    if options.model_config.get("extra") != "forbid":
        yield Finding(
            f"{options.__name__} takes options that do not exist, so that a misspelt one does nothing; leave "
            'model_config to FamilyConfig, or set extra="forbid"',
            authored.definition(options),
        )


def tasks_are_implemented(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """A family has the methods of each task that it declares."""
    family = specimen.make()
    where = authored.definition(type(family))
    for task in specimen.info.tasks:
        if task not in TASKS:
            yield Finding(f"there is no task {task!r}; known are {', '.join(TASKS)}", where)
        elif not isinstance(family, TASKS[task]):
            methods = [name for name in vars(TASKS[task]) if not name.startswith("_")]
            missing = [name for name in methods if not hasattr(family, name)]
            yield Finding(
                f"{type(family).__name__} declares the task {task!r} and does not implement it: there is no "
                f"{' and no '.join(missing)}",
                where,
            )
    if not specimen.info.tasks:
        yield Finding("the family declares no task, so that nothing can be done with a trained model of it", where)


def _field(options: type, name: str) -> Place | None:
    for each in options.__mro__:
        file, tree = authored.module_tree(each)
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                return Place(file, node.lineno)
    return authored.definition(options)
