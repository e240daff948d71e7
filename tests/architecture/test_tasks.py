"""The registry of tasks is the only list of tasks, and everything that it names exists."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import gancli
from gancli.family.tasks import TASKS, Task
from gancli.plugins.registry import import_class

ROOT = Path(gancli.__file__).parent


def test_no_other_module_lists_the_tasks() -> None:
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            items = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            names = {item.value for item in items if isinstance(item, ast.Constant)}
            if len(names & set(TASKS)) > 1:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_everything_that_a_task_names_can_be_imported(task: Task) -> None:
    values = [getattr(task, field.name) for field in fields(task) if field.name != "commands"]
    names = [value for value in (*values, *task.commands) if isinstance(value, str) and value.startswith("gancli.")]
    assert {"check", "reference"} <= {field.name for field in fields(task) if getattr(task, field.name) in names}
    assert all(callable(import_class(name)) for name in names)
