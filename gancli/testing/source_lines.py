"""Source lines of a family, to which findings refer."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from gancli.plugins.source_location import SourceLocation


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """Code object of a bound method, a partial or a decorated function."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)


def definition(named: Any) -> SourceLocation | None:
    """First line of a function, method or class."""
    if not inspect.isclass(named):
        code = code_of(named)
        return SourceLocation(code.co_filename, code.co_firstlineno) if code else None
    try:
        return SourceLocation(inspect.getsourcefile(named) or "", inspect.getsourcelines(named)[1])
    except (OSError, TypeError):  # created at run time, without source
        return None


def module_tree(named: type[Any]) -> tuple[str, ast.AST]:
    """File and syntax tree of the module of a class; empty if there is no source."""
    try:
        file = inspect.getsourcefile(named) or ""
        with open(file, encoding="utf-8") as source:
            return file, ast.parse(source.read())
    except (OSError, TypeError):
        return "", ast.Module(body=[], type_ignores=[])


def text_in(function: Callable[..., Any], text: str) -> SourceLocation | None:
    """First line of a function with this string literal or keyword, else the first line of the function."""
    for file, node in _nodes(function):
        if (isinstance(node, ast.Constant) and node.value == text) or (
            isinstance(node, ast.keyword) and node.arg == text
        ):
            return SourceLocation(file, node.lineno)
    return definition(function)


def attribute_set(kind: type[Any], name: str) -> SourceLocation | None:
    """Last line of a class or its bases that assigns `self.<name>`, else uses it."""
    uses = []
    for each in kind.__mro__[:-1]:
        file, tree = module_tree(each)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == name and ast.unparse(node.value) == "self":
                uses.append((isinstance(node.ctx, ast.Store), node.lineno, file))
        if uses:
            _, line, file = max(uses)
            return SourceLocation(file, line)
    return definition(kind)


def _nodes(function: Callable[..., Any]) -> Iterator[tuple[str, ast.AST]]:
    """Syntax nodes within a function, in the order of lines."""
    code = code_of(function)
    if code is None:
        return
    try:
        with open(code.co_filename, encoding="utf-8") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError):
        return
    for node in ast.walk(tree):
        first = getattr(node, "decorator_list", None) or [node]
        if isinstance(node, ast.FunctionDef) and first[0].lineno == code.co_firstlineno:
            found = [each for each in ast.walk(node) if hasattr(each, "lineno")]
            yield from ((code.co_filename, each) for each in sorted(found, key=lambda each: each.lineno))
