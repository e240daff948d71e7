"""The source of a family, read to find the lines that a finding is about."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from gancli.plugins.source_location import SourceLocation


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """The code that runs when a bound method, a partial or a decorated function is called."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)


def definition(named: Any) -> SourceLocation | None:
    """The line at which a function, a method or a class begins."""
    if not inspect.isclass(named):
        code = code_of(named)
        return SourceLocation(code.co_filename, code.co_firstlineno) if code else None
    try:
        return SourceLocation(inspect.getsourcefile(named) or "", inspect.getsourcelines(named)[1])
    except (OSError, TypeError):  # made at run time: there is no source
        return None


def module_tree(named: type[Any]) -> tuple[str, ast.AST]:
    """The file that a class is written in, and its syntax; empty where there is no source."""
    try:
        file = inspect.getsourcefile(named) or ""
        with open(file, encoding="utf-8") as source:
            return file, ast.parse(source.read())
    except (OSError, TypeError):
        return "", ast.Module(body=[], type_ignores=[])


def text_in(function: Callable[..., Any], text: str) -> SourceLocation | None:
    """The first line of a function that has a string literal; the function's own where none has."""
    for file, node in _nodes(function):
        if isinstance(node, ast.Constant) and node.value == text:
            return SourceLocation(file, node.lineno)
    return definition(function)


def attribute_set(kind: type[Any], name: str) -> SourceLocation | None:
    """The last line of a class or of those it inherits from that assigns `self.<name>`, or else uses it."""
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
    """Everything within a function, in the order of its lines."""
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
