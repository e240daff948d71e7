"""All checks, in the order in which they make sense, and a family held to them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from gancli import place
from gancli.conformance import description, detection, losses, ownership, tasks, training
from gancli.conformance.finding import Finding
from gancli.conformance.specimen import Specimen
from gancli.engine.randomness import aside
from gancli.errors import GanError


@dataclass(frozen=True)
class Check:
    """One promise, and what tells whether it is kept.

    Args:
        promise: what holds where nothing is found.
        find: yields what is wrong with a family; the folder is an empty one for its runs.
        task: only of families that declare it; None: of all.
    """

    promise: str
    find: Callable[[Specimen, Path], Iterator[Finding]]
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
    Check("plugin.py and config.py do without torch", description.needs_no_torch),
    Check("options are described and closed", description.options_are_described),
    Check("every task is implemented", description.tasks_are_implemented),
    Check("every network has one owner", ownership.every_network_has_one_owner),
    Check("losses only compute", losses.losses_only_compute),
    Check("terms are named finite scalars", losses.losses_are_named_finite_scalars),
    Check("losses keep no tensor", losses.losses_keep_no_tensor),
    Check("losses read what is declared", losses.losses_read_what_is_declared),
    Check("a turn changes its player alone", losses.a_turn_changes_its_player_alone),
    Check("images are sampled in [-1, 1]", tasks.samples, task="sample"),
    Check("images are translated in [-1, 1]", tasks.translates, task="translate"),
    Check("images are upscaled in [-1, 1]", tasks.upscales, task="upscale"),
    Check("images are scored, each by itself", detection.detects, task="detect"),
    Check("training resumes exactly", training.training_resumes_exactly),
    Check("training works in bf16 and in parts of batches", training.trains_in_bf16_with_accumulation),
)


def examine(specimen: Specimen) -> Iterator[Verdict]:
    """Holds a family to every promise, one after the other; whatever its code raises is a finding."""
    sound = True
    for check in CHECKS:
        if check.task is None or check.task in specimen.info.tasks:
            found, error = _tried(check, specimen)
            if error is not None and sound:
                found.append(error)
            verdict = Verdict(check.promise, tuple(found) if found or error is None else None)
            sound = sound and not found
            yield verdict


def raised(error: Exception, specimen: Specimen) -> Finding:
    """What a family's own code raised, as a finding at the line that it came through."""
    said = str(error) if isinstance(error, GanError) else f"{type(error).__name__}: {error}"
    return Finding(" ".join(said.split()), place.of_error(error, specimen.package))


def _tried(check: Check, specimen: Specimen) -> tuple[list[Finding], Finding | None]:
    """What a check finds, and what it fell over."""
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder, aside(torch.device("cpu")):
        torch.manual_seed(0)
        try:
            for finding in check.find(specimen, Path(folder)):
                found.append(finding)  # what was found before an error stays
        except Exception as error:  # a stranger's code may raise anything
            return found, raised(error, specimen)
    return found, None
