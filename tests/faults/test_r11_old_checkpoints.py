"""R11: runs of every released version load, compute what they computed then, and train on.

The runs were written by `checkpoints/make.py`, at the release of each version.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gancli.inference.model import open_model
from gancli.inference.reference_outputs import reference_outputs
from gancli.runs import checkpoint as checkpoints
from gancli.testing.fixture import FamilyFixture

STORED = Path(__file__).parent / "checkpoints"
RUNS = sorted((path.parent.name, path.name) for path in STORED.glob("*/*") if path.is_dir())


def test_r11_every_family_of_every_release_is_stored() -> None:
    families = {version: {family for other, family in RUNS if other == version} for version, _ in RUNS}
    assert families["0.1.0"] == families["0.2.0"]
    assert len(families["0.2.0"]) == 13


@pytest.mark.parametrize(("version", "family"), RUNS)
def test_r11_an_old_run_computes_the_same_outputs(version: str, family: str) -> None:
    """The tolerance is that of another processor: instruction sets add in another order."""
    model = open_model(STORED / version / family, device=torch.device("cpu"))
    outputs, expected = reference_outputs(model), load_file(STORED / version / f"{family}.safetensors")
    assert outputs.keys() == expected.keys()
    for task, output in outputs.items():
        torch.testing.assert_close(
            output, expected[task], rtol=1e-4, atol=1e-5, msg=lambda text, task=task: task + text
        )


@pytest.mark.parametrize(("version", "family"), RUNS)
def test_r11_an_old_run_resumes_with_all_of_its_state(tmp_path: Path, small_family, version: str, family: str) -> None:
    folder = tmp_path / family
    shutil.copytree(STORED / version / family, folder)
    (path,) = checkpoints.complete(folder / "checkpoints")
    before = checkpoints.load(path)
    fixture = small_family(family)
    trainer = FamilyFixture(fixture.info, before.manifest["model"], fixture.data).trainer(
        folder, images=before.images + 16, ema=0.9
    )
    trainer.resume()
    assert trainer.state.images == before.images
    renamed, after = before.rename_networks(trainer.family.renamed), trainer.state_dict()
    assert after.tensors.keys() == renamed.tensors.keys()
    for file, tensors in renamed.tensors.items():
        assert after.tensors[file].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(after.tensors[file][name], tensor), f"{file}: {name}"
    assert after.state["random"] == before.state["random"]
    for part in ("position", "loader", "averages"):
        assert after.state[part] == before.state[part]
    assert trainer.train() is True
    assert checkpoints.newest_valid(folder / "checkpoints")[0].images >= before.images + 16
