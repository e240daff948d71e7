"""All checks, in the order in which they make sense, and a family held to them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from gancli.errors import GanError
from gancli.plugins import source_location
from gancli.runtime.random import fork_torch_rng
from gancli.testing import check_declarations, check_losses, check_tasks, check_training
from gancli.testing.finding import Finding
from gancli.testing.fixture import FamilyFixture


@dataclass(frozen=True)
class Check:
    """One promise, and what tells whether it is kept.

    Args:
        promise: what holds where nothing is found.
        find: yields what is wrong with a family; the folder is an empty one for its runs.
        task: only of families that declare it; None: of all.
    """

    promise: str
    find: Callable[[FamilyFixture, Path], Iterator[Finding]]
    task: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What came of a check.

    Args:
        promise: the check's.
        found: what is wrong; nothing where the promise is kept. None: the check fell over something, which is taken to
            be what an earlier one found.
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
    Check("images are sampled in [-1, 1]", check_tasks.samples, task="sample"),
    Check("images are translated in [-1, 1]", check_tasks.translates, task="translate"),
    Check("images are upscaled in [-1, 1]", check_tasks.upscales, task="upscale"),
    Check("images are scored, each by itself", check_tasks.detects, task="detect"),
    Check("training resumes exactly", check_training.training_resumes_exactly),
    Check("training works in bf16 and in parts of batches", check_training.trains_in_bf16_with_accumulation),
)


def examine(fixture: FamilyFixture) -> Iterator[Verdict]:
    """Holds a family to every promise, one after the other; whatever its code raises is a finding."""
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
    """What a family's own code raised, as a finding at the line that it came through."""
    said = str(error) if isinstance(error, GanError) else f"{type(error).__name__}: {error}"
    return Finding(" ".join(said.split()), source_location.location_of_error(error, fixture.package))


def _tried(check: Check, fixture: FamilyFixture) -> tuple[list[Finding], Finding | None]:
    """What a check finds, and what it fell over."""
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder, fork_torch_rng(torch.device("cpu")):
        torch.manual_seed(0)
        try:
            for finding in check.find(fixture, Path(folder)):
                found.append(finding)  # what was found before an error stays
        except Exception as error:  # a stranger's code may raise anything
            return found, raised(error, fixture)
    return found, None
