"""Code of this repository, as pages print it: taken from the files themselves, so that a page cannot fall behind."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path


def whole(path: Path) -> str:
    """A file without its docstring and its `__future__` import, which every file has."""
    text = path.read_text(encoding="utf-8")
    body = [node for node in ast.parse(text).body if not _preamble(node)]
    return _fenced("\n".join(text.splitlines()[_first_line(body[0]) - 1 :]))


def part(path: Path, *names: str) -> str:
    """Classes, functions and methods (`Class.method`), one below the other, without the indentation of a class.

    Raises:
        KeyError: there is no such thing in the file.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = _definitions(ast.parse(text))
    parts = []
    for name in names:
        node = found[name]
        parts.append(textwrap.dedent("\n".join(lines[_first_line(node) - 1 : node.end_lineno])))
    return _fenced("\n\n\n".join(parts))


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}": each for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


def _first_line(node: ast.stmt) -> int:
    """Of a statement, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _preamble(node: ast.stmt) -> bool:
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _fenced(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```"
