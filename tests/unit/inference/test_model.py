"""Opening a model: what its options ask for must fit what its checkpoint holds, before anything is allocated."""

from __future__ import annotations

import resource
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gancli.errors import DataError
from gancli.inference.model import open_model
from gancli.runs import checkpoint as checkpoints

STORED = Path(__file__).parents[2] / "faults" / "checkpoints" / "0.2.0"


def changed(tmp_path: Path, family: str, **options: Any) -> Path:
    """Return a run of a family whose checkpoint names other options of the model."""
    shutil.copytree(STORED / family, tmp_path / "run")
    (path,) = checkpoints.complete(tmp_path / "run" / "checkpoints")
    checkpoint = checkpoints.load(path)
    model = {**checkpoint.manifest["model"], **options}
    checkpoints.save(path.parent, replace(checkpoint, manifest={**checkpoint.manifest, "model": model}), keep=1)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("gan", {"generator_widths": [200_000, 200_000]}),
        ("gan", {"generator_widths": [16] * 100_000}),
        ("dcgan", {"channels": 100_000}),
        ("srgan", {"blocks": 1_000_000}),
        ("cyclegan", {"blocks": 1_000_000}),
    ],
)
def test_networks_much_larger_than_their_checkpoint_are_not_built(
    tmp_path: Path, family: str, options: dict[str, Any]
) -> None:
    run = changed(tmp_path, family, **options)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="the options of run ask for networks that are much larger than its"):
        open_model(run, device=torch.device("cpu"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes


def test_networks_a_little_larger_do_not_fit(tmp_path: Path) -> None:
    run = changed(tmp_path, "gan", generator_widths=[17])
    with pytest.raises(DataError, match="do not fit the installed family 'gan'"):
        open_model(run, device=torch.device("cpu"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_used(tmp_path: Path, value: float) -> None:
    shutil.copytree(STORED / "dcgan", tmp_path / "run")
    (path,) = checkpoints.complete(tmp_path / "run" / "checkpoints")
    checkpoint = checkpoints.load(path)
    name = next(name for name in checkpoint.tensors["ema"] if name.endswith("weight"))
    checkpoint.tensors["ema"][name].view(-1)[0] = value
    checkpoints.save(path.parent, checkpoint, keep=1)
    with pytest.raises(DataError, match=rf"the weights of run at \d+ images are not finite \({name}\)"):
        open_model(tmp_path / "run", device=torch.device("cpu"))
    assert open_model(tmp_path / "run", device=torch.device("cpu"), ema=False).images == checkpoint.images
