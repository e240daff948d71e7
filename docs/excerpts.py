"""Excerpts of source files of this repository for pages, so that a page always shows the current code."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path


def whole(path: Path) -> str:
    """Return a file as a code block, without its docstring and its `__future__` import."""
    text = path.read_text(encoding="utf-8")
    body = [node for node in ast.parse(text).body if not _is_preamble(node)]
    return fenced("\n".join(text.splitlines()[_first_line(body[0]) - 1 :]))


def part(path: Path, *names: str) -> str:
    """Return classes, functions and methods (`Class.method`) of a file as one code block, methods dedented.

    Raises:
        KeyError: the file does not define one of the names.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    definitions = _definitions(ast.parse(text))
    parts = []
    for name in names:
        node = definitions[name]
        parts.append(textwrap.dedent("\n".join(lines[_first_line(node) - 1 : node.end_lineno])))
    return fenced("\n\n\n".join(parts))


def fenced(code: str) -> str:
    """Return Python code as a Markdown code block."""
    return f"```python\n{code.rstrip()}\n```"


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    definitions: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            definitions[node.name] = node
        if isinstance(node, ast.ClassDef):
            methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
            definitions |= {f"{node.name}.{method.name}": method for method in methods}
    return definitions


def _first_line(node: ast.stmt) -> int:
    """Return the first line of a statement, including its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _is_preamble(node: ast.stmt) -> bool:
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
