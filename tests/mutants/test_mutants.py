"""The list of mutants fits the sources: each one changes one place, and names tests that exist."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def mutants():
    specification = importlib.util.spec_from_file_location("mutants_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module.load_mutants()


def test_each_mutant_changes_one_place_and_names_existing_tests() -> None:
    root = FOLDER.parents[1]
    wrong = []
    for mutant in mutants():
        text = (root / mutant.file).read_text(encoding="utf-8")
        if text.count(mutant.replace) != 1 or mutant.replace == mutant.by:
            wrong.append(f"{mutant.area}: {mutant.name}: found {text.count(mutant.replace)} times in {mutant.file}")
        missing = [test for test in mutant.tests if not (root / test.partition("::")[0]).exists()]
        wrong += [f"{mutant.area}: {mutant.name}: {test} does not exist" for test in missing]
        if bool(mutant.tests) == (mutant.equivalent is not None):
            wrong.append(f"{mutant.area}: {mutant.name}: give either tests or a proof of equivalence")
    assert not wrong, "\n".join(wrong)


def test_names_are_unique() -> None:
    counts = Counter(mutant.name for mutant in mutants())
    assert [name for name, count in counts.items() if count > 1] == []
