"""`gan export`: write the networks of a run to a model directory of their own."""

from __future__ import annotations

import json as jsonlib
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancli.cli.options import Ema, Json, RunDirectory
from gancli.errors import DataError
from gancli.io.input_files import read_limited
from gancli.runs.run import Run, run_of

if TYPE_CHECKING:
    from gancli.inference.model import Model

MODELS = Path("models")
"""Default parent of model directories, in the working directory."""


def export(
    run: RunDirectory = None,
    ema: Ema = None,
    out: Annotated[Path | None, typer.Option(help="Model directory (default: models/<run>).")] = None,
    json: Json = False,
) -> None:
    """Write only the networks of a run, and check that their outputs equal those of the run bit for bit."""
    from gancli.cli.shared.models import open_for
    from gancli.family.tasks import TASKS
    from gancli.runs.directories import claim

    path, model = open_for("gan export", run, ema=ema, device="cpu", wanted="be exported")
    with claim(out or MODELS / model.run) as target:
        _write(target, path, model)
        compared = _compare(target, model)
    size = sum(file.stat().st_size for file in target.path.rglob("*") if file.is_file())
    if json:
        print(jsonlib.dumps({"model": str(target.path), "bytes": size, "compared": compared}))
        return
    print(f"wrote {target.path} ({size / 1e6:.1f} MB): {model.run} at {model.images:,} images")
    print(f"outputs equal those of the run, bit for bit: {', '.join(compared)}")
    task = next(iter(sorted(model.abilities & TASKS.keys())), "inspect")
    image = " IMAGE" if task in TASKS and TASKS[task].takes_images else ""
    print(f"next: gan {task} {shlex.quote(str(target.path))}{image}")


def _write(target: Run, path: Path, model: Model) -> None:
    """Write a run directory with one checkpoint of the networks; averaged weights replace live ones."""
    from gancli.inference.model import find_checkpoint
    from gancli.runs.checkpoint import Checkpoint, module_state, save
    from gancli.runs.manifest import exported_manifest

    original, _, _ = find_checkpoint(path)
    source = {"run": model.run, "checkpoint": model.digest, "images": model.images, "ema": model.ema}
    manifest = exported_manifest(original.manifest, name=target.name, source=source)
    run = run_of(path)
    recipe = read_limited(run.recipe).decode("utf-8", "replace") if run.has_recipe() else None
    target.begin(manifest, recipe)
    networks = Checkpoint(manifest=manifest, tensors={"model": module_state(model.nets.modules)}, state={})
    save(target.checkpoints, networks, keep=1)


def _compare(target: Run, model: Model) -> list[str]:
    """Compare reference outputs of the run and the exported model, and return their names.

    Raises:
        DataError: outputs differ; the exported model is removed.
    """
    import torch

    from gancli.inference.model import open_model
    from gancli.inference.reference_outputs import reference_outputs

    before, after = reference_outputs(model), reference_outputs(open_model(target.path, device=model.device))
    unequal = [name for name, output in before.items() if not torch.equal(output, after[name])]
    if unequal:
        shutil.rmtree(target.path)
        raise DataError(
            f"the exported model gives other outputs than {model.run}: {', '.join(unequal)}; it was removed, because "
            "the family has state that no checkpoint contains"
        )
    return list(before)
