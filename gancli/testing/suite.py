"""All conformance checks in order, and running them on a family."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from gancli.errors import GanError
from gancli.family.tasks import TASKS
from gancli.plugins import source_location
from gancli.plugins.registry import import_class
from gancli.runtime.random import fork_torch_rng
from gancli.testing import check_declarations, check_losses, check_training
from gancli.testing.fixture import FamilyFixture, Finding


@dataclass(frozen=True)
class Check:
    """A conformance check.

    Args:
        promise: statement that holds if the check finds nothing.
        find: yields findings for a family; the folder is empty and for its runs.
        task: task of the families to check; None for all families.
    """

    promise: str
    find: Callable[[FamilyFixture, Path], Iterator[Finding]]
    task: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Result of a check.

    Args:
        promise: promise of the check.
        found: findings; empty if the promise is kept. None if the check failed with an error, which is attributed to an
            earlier finding.
    """

    promise: str
    found: tuple[Finding, ...] | None


CHECKS = (
    Check("plugin.py and config.py do without torch", check_declarations.needs_no_torch),
    Check("options are described and closed", check_declarations.options_are_described),
    Check("every task is implemented", check_declarations.tasks_are_implemented),
    Check("every network has one owner", check_declarations.every_network_has_one_owner),
    Check("losses only compute", check_losses.losses_only_compute),
    Check("terms are named finite scalars", check_losses.losses_are_named_finite_scalars),
    Check("losses keep no tensor", check_losses.losses_keep_no_tensor),
    Check("losses read what is declared", check_losses.losses_read_what_is_declared),
    Check("a turn changes its player alone", check_losses.a_turn_changes_its_player_alone),
    *(Check(task.promise, import_class(task.check), task=name) for name, task in TASKS.items()),
    Check("training resumes exactly", check_training.training_resumes_exactly),
    Check("training works with the smallest batch", check_training.trains_on_its_smallest_batch),
    Check("training works in bf16 and in parts of batches", check_training.trains_in_bf16_with_accumulation),
)


def examine(fixture: FamilyFixture) -> Iterator[Verdict]:
    """Run all checks on a family, one after the other; an error in its code is a finding."""
    sound = True
    for check in CHECKS:
        if check.task is None or check.task in fixture.info.tasks:
            found, error = _tried(check, fixture)
            if error is not None and sound:
                found.append(error)
            verdict = Verdict(check.promise, tuple(found) if found or error is None else None)
            sound = sound and not found
            yield verdict


def raised(error: Exception, fixture: FamilyFixture) -> Finding:
    """A finding for an error raised by a family's code, at the line of that code."""
    message = str(error) if isinstance(error, GanError) else f"{type(error).__name__}: {error}"
    return Finding(" ".join(message.split()), source_location.location_of_error(error, fixture.package))


def _tried(check: Check, fixture: FamilyFixture) -> tuple[list[Finding], Finding | None]:
    """Findings of a check, and the error with which it failed."""
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder, fork_torch_rng(torch.device("cpu")):
        torch.manual_seed(0)
        try:
            for finding in check.find(fixture, Path(folder)):
                found.append(finding)  # keeps findings before an error
        except Exception as error:  # third-party code may raise anything
            return found, raised(error, fixture)
    return found, None
