"""`gan export`."""

from __future__ import annotations

import json as jsonlib
import shlex
import shutil
from pathlib import Path

import torch

from gancli.cli.shared.models import open_able
from gancli.errors import DataError, UsageError
from gancli.inference.model import Model, find_checkpoint, open_model
from gancli.inference.reference_outputs import reference_outputs
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint
from gancli.runs.manifest import exported_manifest
from gancli.runs.run import Run, run_of

MODELS = Path("models")
"""Where models go, under the working directory."""


def export(run: Path | None, *, ema: bool | None, out: Path | None, json: bool) -> Path:
    """Writes the networks of a run, without what only training needs, and holds them to the run. Returns the directory.

    It is used like a run: `gan sample models/x`. Averaged weights take the place of live ones, where there are any.

    Args:
        run: a run directory or one of its checkpoints; the newest run, if None.
        ema: averaged weights or live ones; averaged where there are any, if None.
        out: the directory, which must not exist; models/<run> if None.
        json: prints one object instead of sentences.

    Raises:
        GanError: there is no run, or the directory exists, or what was written answers otherwise than the run.
    """
    path, model = open_able(run, lambda _: True, wanted="can be exported", ema=ema, device="cpu")
    target = Run(out or MODELS / model.run)
    if target.path.exists():
        raise UsageError(f"{target.path} exists already; choose another --out")
    _write(target, path, model)
    compared = _compare(target, model)
    size = sum(file.stat().st_size for file in target.path.rglob("*") if file.is_file())
    if json:
        print(jsonlib.dumps({"model": str(target.path), "bytes": size, "compared": compared}))
        return target.path
    print(f"wrote {target.path} ({size / 1e6:.1f} MB): {model.run} at {model.images:,} images")
    print(f"answers as the run does, bit for bit: {', '.join(compared)}")
    task = next(iter(sorted(model.abilities & {"sample", "translate", "upscale", "detect"})), "inspect")
    image = "" if task in ("sample", "inspect") else " IMAGE"
    print(f"next: gan {task} {shlex.quote(str(target.path))}{image}")
    return target.path


def _write(target: Run, path: Path, model: Model) -> None:
    checkpoint, _, _ = find_checkpoint(path)
    source = {"run": model.run, "checkpoint": model.digest, "images": model.images, "ema": model.ema}
    manifest = exported_manifest(checkpoint.manifest, name=target.name, source=source)
    modules = model.nets.modules.items()
    tensors = {f"{name}.{key}": value for name, module in modules for key, value in module.state_dict().items()}
    recipe = run_of(path).recipe
    target.begin(manifest, recipe.read_text(encoding="utf-8") if recipe.is_file() else None)
    alone = Checkpoint(manifest=manifest, tensors={"model": tensors}, state={})
    checkpoints.save(target.checkpoints, alone, keep=1)


def _compare(target: Run, model: Model) -> list[str]:
    """What was compared, by name.

    Raises:
        DataError: an answer differs, and what was written is gone again.
    """
    before, after = reference_outputs(model), reference_outputs(open_model(target.path, device=model.device))
    unequal = [name for name, answer in before.items() if not torch.equal(answer, after[name])]
    if unequal:
        shutil.rmtree(target.path)
        raise DataError(
            f"the exported model does not answer as {model.run} does: {', '.join(unequal)}; nothing was kept, and its "
            "family has state that is in no checkpoint"
        )
    return list(before)
