"""Conformance checks with short training runs: exact resume, bf16 and gradient accumulation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from gancli.data.sources.synthetic import BATCH_SIZE
from gancli.runs.checkpoint import load
from gancli.testing import source_lines
from gancli.testing.fixture import FamilyFixture, Finding


def training_resumes_exactly(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """A resumed run ends bit for bit where an uninterrupted run ends."""
    uninterrupted = fixture.trainer(folder / "uninterrupted")
    uninterrupted.train()
    half = fixture.trainer(folder / "half", images=5 * BATCH_SIZE, checkpoint_every=BATCH_SIZE)
    half.train()
    resumed = fixture.trainer(folder / "half")
    resumed.resume()
    resumed.train()
    expected = load(folder / "uninterrupted" / "checkpoints" / str(uninterrupted.state.images))
    actual = load(folder / "half" / "checkpoints" / str(resumed.state.images))
    different = [
        name
        for file, tensors in expected.tensors.items()
        for name, tensor in tensors.items()
        if not torch.equal(tensor, actual.tensors[file][name])
    ]
    if expected.state["random"] != actual.state["random"]:
        different.append("the state of the random streams")
    if different:
        yield Finding(
            f"{different[0]} differs between a resumed run and an uninterrupted one; draw all random numbers from ctx, "
            "and keep the state of a loss in the buffers of a module",
            source_lines.definition(type(fixture.make())),
        )


def trains_on_its_smallest_batch(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Every stage takes a step with as few images at once as `min_batch_size` says."""
    family = fixture.make()
    smallest = family.min_batch_size(family.build())
    failed = _failing_stage(fixture, folder / "smallest", smallest)
    if failed and not _failing_stage(fixture, folder / "usual", BATCH_SIZE):  # else it is not the size of the batch
        stage, error = failed
        yield Finding(
            f"the stage {stage!r} cannot be trained with a batch of {smallest} ({error}); return the smallest batch "
            "that can from min_batch_size",
            source_lines.definition(type(family)),
        )


def _failing_stage(fixture: FamilyFixture, folder: Path, batch_size: int) -> tuple[str, str] | None:
    """Return the name of the first stage that cannot take a step with a batch size, and its error."""
    trainer = fixture.trainer(folder, batch_size=batch_size, images=12 * BATCH_SIZE)
    for planned in trainer.plan.stages:
        trainer.state.images = planned.start
        try:
            trainer.step()
        except Exception as error:
            return planned.stage.name, str(error)
    return None


def trains_in_bf16_with_accumulation(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Parameters stay finite in bf16 with gradient accumulation."""
    trainer = fixture.trainer(folder / "bf16", precision="bf16", accumulate=2, images=3 * BATCH_SIZE)
    trainer.train()
    for name, module in trainer.players.modules.items():
        if not all(torch.isfinite(parameter).all() for parameter in module.parameters()):
            yield Finding(
                f"parameters of {name!r} are not finite after three batches in bf16; switch autocast "
                "off where more precision is needed",
                source_lines.definition(type(fixture.make())),
            )
