"""The layout of gancli: no import cycles, few levels of packages, and files of a readable size.

The limits are those that the layout was designed for; imports inside functions and under `TYPE_CHECKING` count as well.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

import gancli

ROOT = Path(gancli.__file__).parent

MAX_LEVELS, MAX_FILES, MIN_MEDIAN, MAX_SMALL_FILES = 14, 210, 115, 15

SMALL = 80
"""Lines below which a file with a single importer should be part of its importer."""


def modules() -> dict[str, Path]:
    files = {path: path.relative_to(ROOT.parent).with_suffix("").parts for path in sorted(ROOT.rglob("*.py"))}
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in files.items()}


@cache
def imports() -> dict[str, set[str]]:
    """The modules of gancli that each module imports, or names as `module:object`."""
    known, graph = modules(), defaultdict[str, set[str]](set)
    for module, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in known:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                graph[module] |= {name if name in known else node.module for name in names}
            elif isinstance(node, ast.Import):
                graph[module] |= {alias.name for alias in node.names if alias.name in known}
    return {module: graph[module] - {module} for module in known}


def package(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_no_modules_import_each_other() -> None:
    faces = {module for module, path in modules().items() if path.name == "__init__.py"}
    graph = {module: targets - faces for module, targets in imports().items() if module not in faces}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_levels_of_packages() -> None:
    graph = defaultdict[str, set[str]](set)
    for module, targets in imports().items():
        if module != "gancli":  # only re-exports
            graph[package(module)] |= {package(target) for target in targets if target != "gancli"} - {package(module)}
    level: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        level[name] = 1 + max((level[target] for target in graph[name]), default=0)
    assert max(level.values()) <= MAX_LEVELS, level


def test_number_and_size_of_files() -> None:
    files = [path for path in modules().values() if path.name not in ("__init__.py", "__main__.py")]
    lines = [path.read_text(encoding="utf-8").count("\n") for path in files]
    assert len(files) <= MAX_FILES
    assert median(lines) >= MIN_MEDIAN
    assert max(lines) <= 500


def test_small_files_with_a_single_importer() -> None:
    importers: defaultdict[str, set[str]] = defaultdict(set)
    for module, targets in imports().items():
        for target in targets:
            importers[target].add(module)
    small = [
        module
        for module, path in modules().items()
        if path.name != "__init__.py"
        and path.read_text(encoding="utf-8").count("\n") < SMALL
        and len(importers[module]) <= 1
    ]
    assert len(small) <= MAX_SMALL_FILES, small
