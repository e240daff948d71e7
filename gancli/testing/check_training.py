"""Whole runs, short ones: what only the engine can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from gancli.data.sources.synthetic import BATCH_SIZE
from gancli.runs.checkpoint import load
from gancli.testing import source_lines
from gancli.testing.finding import Finding
from gancli.testing.fixture import FamilyFixture


def training_resumes_exactly(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """A run that stopped and went on ends bit for bit where an uninterrupted one ends."""
    whole = fixture.trainer(folder / "whole")
    whole.train()
    half = fixture.trainer(folder / "half", images=5 * BATCH_SIZE, checkpoint_every=BATCH_SIZE)
    half.train()
    rest = fixture.trainer(folder / "half")
    rest.resume()
    rest.train()
    expected = load(folder / "whole" / "checkpoints" / str(whole.position.images))
    resumed = load(folder / "half" / "checkpoints" / str(rest.position.images))
    apart = [
        name
        for file, tensors in expected.tensors.items()
        for name, tensor in tensors.items()
        if not torch.equal(tensor, resumed.tensors[file][name])
    ]
    if expected.state["random"] != resumed.state["random"]:
        apart.append("the random numbers")
    if apart:
        yield Finding(
            f"a run that was stopped and resumed ends elsewhere than one that was not: {apart[0]} differs; draw all "
            "randomness from ctx, and keep what a loss remembers in the buffers of a module",
            source_lines.definition(type(fixture.make())),
        )


def trains_in_bf16_with_accumulation(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Parameters stay finite under autocast, in batches that come in parts."""
    trainer = fixture.trainer(folder / "bf16", precision="bf16", accumulate=2, images=3 * BATCH_SIZE)
    trainer.train()
    for name, module in trainer.cast.modules.items():
        if not all(torch.isfinite(parameter).all() for parameter in module.parameters()):
            yield Finding(
                f"parameters of {name!r} are not finite after three batches in bf16; switch autocast "
                "off in what needs more precision",
                source_lines.definition(type(fixture.make())),
            )
