"""A trained model, rebuilt from a checkpoint alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from gancli.data.mixture import Mixture
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.family.tasks import Discriminates
from gancli.plugins.registry import import_class, registry
from gancli.recipes.messages import complaints
from gancli.recipes.options import FamilyConfig
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint, load_state
from gancli.runs.run import MANIFEST, Run
from gancli.runtime.random import fork_torch_rng


@dataclass(frozen=True, kw_only=True)
class Model:
    """Networks that are ready to use, in eval mode, without gradients.

    Args:
        family: whose tasks they do.
        nets: on `device`, where training left them; the averaged ones where `ema`.
        abilities: what it can do, as `abilities` says.
        labels: the names of the labels it takes; empty if it takes none.
        run: name of the run it comes from.
        images: training images it had seen.
        digest: SHA-256 that names the checkpoint's content.
        ema: whether these are averaged weights.
        device: where the networks are.
        skipped_checkpoints: what is wrong with newer checkpoints of the run.
        mixture: the known distribution of the points it was trained on; None for images.
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
    """Rebuilds the model of a run (its newest sound checkpoint) or of one checkpoint directory.

    Args:
        path: a run directory, `<run>/checkpoints/<images>`, or `<run>/checkpoints/best` for the one that was kept as
            the best.
        device: where to put the networks.
        ema: averaged weights or the live ones; the averaged ones where there are any, if None.

    Raises:
        DataError: nothing sound is there, or the installed family cannot read it.
    """
    checkpoint, run, skipped_checkpoints = find_checkpoint(path)
    manifest = checkpoint.manifest
    family = _family(manifest)
    checkpoint = checkpoint.rename_networks(family.renamed)
    averaged = checkpoint.tensors.get("ema", {})
    if ema and not averaged:
        raise DataError(f"{run} keeps no averaged weights; leave --ema out, or train with train.ema=0.999")
    use_average = bool(averaged) and ema is not False
    with fork_torch_rng(device):
        modules = family.build()
    tensors = {**checkpoint.tensors["model"], **(averaged if use_average else {})}
    try:
        load_state(modules, tensors)
    except (KeyError, RuntimeError) as error:
        raise DataError(
            f"the weights of {run} do not fit the installed family {manifest['family']!r}: "
            f"{' '.join(str(error).split())}"
        ) from None
    return Model(
        family=family,
        nets=_standing(family, manifest, _ready(modules, device)),
        abilities=abilities(manifest),
        labels=tuple(manifest["labels"]),
        run=run,
        images=checkpoint.images,
        digest=checkpoint.digest,
        ema=use_average,
        device=device,
        skipped_checkpoints=tuple(skipped_checkpoints),
        mixture=Mixture.from_json(manifest["mixture"]) if manifest.get("mixture") else None,
    )


def untrained(model: Model, seed: int) -> Nets:
    """Networks of the model's architecture as they are before training, on its device and as ready as its own, and as
    far grown.

    Whatever the seed, from 0 to 2**31 - 1, they are not those that the model's own training began with.
    """
    with fork_torch_rng(model.device):
        torch.manual_seed(seed + 2**31)  # beyond every `train.seed`
        return model.nets.holding(_ready(model.family.build(), model.device))


def abilities(manifest: Mapping[str, Any]) -> frozenset[str]:
    """What the model of a run or a checkpoint can do: the words of `MetricInfo.needs`.

    Raises:
        UsageError: its family is not installed.
    """
    family = import_class(registry().family(manifest["family"]).family)
    can = {*manifest["tasks"], DataSpec.from_json(manifest["data"]).kind}
    can |= {"label"} if manifest["labels"] else set()
    can |= {"discriminate"} if issubclass(family, Discriminates) else set()
    return frozenset(can)


def find_checkpoint(path: Path) -> tuple[Checkpoint, str, list[str]]:
    """What `open_model` opens for a path: the checkpoint, the name of its run, and what is wrong with newer ones.

    Raises:
        DataError: nothing sound is there.
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
            f"{folder.parent} keeps no best checkpoint; name the run for its newest one, or train with eval.metrics"
        )
    return folder / str(best.images)


def _family(manifest: Mapping[str, Any]) -> Family[Any]:
    info = registry().family(manifest["family"])
    options: type[FamilyConfig] = import_class(info.config)
    try:
        config = options.model_validate_json(json.dumps(manifest["model"]))
    except ValidationError as error:
        wrong = "; ".join(each.sentence for each in complaints(error, options, "model", manifest["model"], {}))
        raise DataError(
            f"this model's options are not those of the installed family {info.name!r}, so install the version that "
            f"trained it, which its manifest.json names: {wrong}"
        ) from None
    family: Family[Any] = import_class(info.family)(config, DataSpec.from_json(manifest["data"]))
    return family


def _standing(family: Family[Any], manifest: Mapping[str, Any], modules: Mapping[str, nn.Module]) -> Nets:
    """The networks in the stage that the checkpoint was taken in, if the family still has a stage of that name."""
    reached = manifest.get("reached") or {}
    stage = next((stage for stage in family.stages() if stage.name == reached.get("stage")), None)
    return Nets(modules, stage=stage, fade=float(reached.get("fade", 1.0)))


def _ready(modules: Mapping[str, nn.Module], device: torch.device) -> dict[str, nn.Module]:
    return {name: module.to(device).requires_grad_(False).eval() for name, module in modules.items()}
