"""A trained model, loaded from a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from gancli.data.mixture import Mixture
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.family.tasks import abilities
from gancli.io.text import visible
from gancli.plugins.registry import import_class, registry
from gancli.recipes.messages import problems
from gancli.recipes.options import FamilyConfig
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint, load_state
from gancli.runs.run import MANIFEST, Run
from gancli.runtime.network_size import TooLargeError, count_parameters
from gancli.runtime.random import fork_torch_rng


@dataclass(frozen=True, kw_only=True)
class Model:
    """Networks in eval mode, without gradients, and the data needed to use them.

    Args:
        family: family of the networks.
        nets: networks on `device`, in the stage of the checkpoint.
        abilities: uses of the model, as `gancli.family.tasks.abilities` lists them.
        labels: names of the labels that it reads; empty if it reads none.
        run: name of its run.
        images: training images shown before the checkpoint.
        digest: SHA-256 of the checkpoint's content.
        ema: whether the weights are averaged.
        device: device of the networks.
        skipped_checkpoints: errors of newer checkpoints of the run.
        mixture: distribution of the training data, if it is a known one of points.
    """

    family: Family[Any]
    nets: Nets
    abilities: frozenset[str]
    labels: tuple[str, ...]
    run: str
    images: int
    digest: str
    ema: bool
    device: torch.device
    skipped_checkpoints: tuple[str, ...]
    mixture: Mixture | None = None


def open_model(path: Path, *, device: torch.device, ema: bool | None = None) -> Model:
    """Load the model of a run, from its newest valid checkpoint, or of a checkpoint.

    Args:
        path: run directory, `<run>/checkpoints/<images>`, or `<run>/checkpoints/best` for the best checkpoint.
        device: device of the networks.
        ema: use averaged weights (default: if the checkpoint has them).

    Raises:
        DataError: there is no valid checkpoint, or it does not fit the installed family.
    """
    checkpoint, run, skipped_checkpoints = find_checkpoint(path)
    manifest = checkpoint.manifest
    family = _family(manifest)
    checkpoint = checkpoint.rename_networks(family.renamed)
    ema_tensors = checkpoint.tensors.get("ema", {})
    if ema and not ema_tensors:
        raise DataError(f"{run} has no averaged weights; omit --ema, or train with train.ema=0.999")
    use_ema = bool(ema_tensors) and ema is not False
    tensors = {**checkpoint.tensors["model"], **(ema_tensors if use_ema else {})}
    _check_size(family, tensors, run)
    with fork_torch_rng(device):
        modules = family.build()
    try:
        load_state(modules, tensors)
    except (KeyError, RuntimeError) as error:
        raise DataError(
            f"the weights of {run} do not fit the installed family {manifest['family']!r}: "
            f"{' '.join(str(error).split())}"
        ) from None
    if broken := next((name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())), None):
        raise DataError(
            f"the weights of {run} at {checkpoint.images:,} images are not finite ({visible(broken)}); name an earlier "
            f"checkpoint, or train again with a lower learning rate"
        )
    return Model(
        family=family,
        nets=_nets_in_stage(family, manifest, _prepare(modules, device)),
        abilities=manifest_abilities(manifest),
        labels=tuple(manifest["labels"]),
        run=run,
        images=checkpoint.images,
        digest=checkpoint.digest,
        ema=use_ema,
        device=device,
        skipped_checkpoints=tuple(skipped_checkpoints),
        mixture=Mixture.from_json(manifest["mixture"]) if manifest.get("mixture") else None,
    )


def untrained(model: Model, seed: int) -> Nets:
    """Return untrained networks of the model's architecture, on its device, in eval mode and in its stage.

    Args:
        model: trained model.
        seed: from 0 to 2**31 - 1; no seed gives the networks that the training of the model started with.
    """
    with fork_torch_rng(model.device):
        torch.manual_seed(seed + 2**31)  # larger than any `train.seed`
        return model.nets.holding(_prepare(model.family.build(), model.device))


def manifest_abilities(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Return the abilities of the model of a run or checkpoint, in the words of `MetricInfo.needs`.

    Raises:
        UsageError: the family is not installed.
    """
    family = import_class(registry().family(manifest["family"]).family)
    kind = DataSpec.from_json(manifest["data"]).kind
    return abilities(family, tasks=manifest["tasks"], kind=kind, labels=bool(manifest["labels"]))


def find_checkpoint(path: Path) -> tuple[Checkpoint, str, list[str]]:
    """Return the checkpoint that `open_model` loads, the name of its run, and the errors of newer checkpoints.

    Raises:
        DataError: there is no valid checkpoint.
    """
    if path.parent.name == "checkpoints" and path.name == checkpoints.BEST:
        path = _best(path.parent)
    if not path.is_dir():
        raise DataError(f"{path} is not a directory; name a run directory (`gan runs ls` lists them)")
    if path.parent.name == "checkpoints" and (path / MANIFEST).is_file():
        return checkpoints.load(path), path.resolve().parent.parent.name, []
    checkpoint, faults = checkpoints.newest_valid(Run(path).checkpoints)
    return checkpoint, path.resolve().name, faults


def _best(folder: Path) -> Path:
    best = checkpoints.find_best(folder)
    if best is None:
        raise DataError(
            f"{folder.parent} has no best checkpoint; name the run to use its newest one, or train with eval.metrics"
        )
    return folder / str(best.images)


def _family(manifest: Mapping[str, Any]) -> Family[Any]:
    info = registry().family(manifest["family"])
    options: type[FamilyConfig] = import_class(info.config)
    try:
        config = options.model_validate_json(json.dumps(manifest["model"]))
    except ValidationError as error:
        wrong = "; ".join(problem.message for problem in problems(error, options, "model", manifest["model"], {}))
        raise DataError(
            f"the options of this model do not fit the installed family {info.name!r} ({wrong}); install the version "
            "that trained it, which its manifest.json names"
        ) from None
    family: Family[Any] = import_class(info.family)(config, DataSpec.from_json(manifest["data"]))
    return family


def _check_size(family: Family[Any], tensors: Mapping[str, Tensor], run: str) -> None:
    """Build the networks without memory, and stop if they have many more parameters than the checkpoint has numbers.

    The options of a damaged or hostile checkpoint may ask for networks of any size.

    Raises:
        DataError: the networks are much larger than the checkpoint.
    """
    numbers = sum(tensor.numel() for tensor in tensors.values())
    try:
        count_parameters(family.build, max_parameters=4 * numbers + 1_000_000, max_modules=100 * len(tensors) + 10_000)
    except TooLargeError:
        raise DataError(
            f"the options of {run} ask for networks that are much larger than its {numbers:,} saved numbers; its "
            "manifest is damaged"
        ) from None


def _nets_in_stage(family: Family[Any], manifest: Mapping[str, Any], modules: Mapping[str, nn.Module]) -> Nets:
    """Return networks in the stage of the checkpoint, if the family still has a stage of that name."""
    reached = manifest.get("reached") or {}
    stage = next((stage for stage in family.stages() if stage.name == reached.get("stage")), None)
    return Nets(modules, stage=stage, fade=float(reached.get("fade", 1.0)))


def _prepare(modules: Mapping[str, nn.Module], device: torch.device) -> dict[str, nn.Module]:
    return {name: module.to(device).requires_grad_(False).eval() for name, module in modules.items()}
