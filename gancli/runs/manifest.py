"""Manifests of runs and checkpoints: everything needed to use them without further options."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import torch

import gancli
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import FamilyConfig
from gancli.recipes.recipe import Recipe


def run_manifest(recipe: Recipe, packed: PackedDataset, *, device: torch.device, total: int) -> dict[str, Any]:
    """Return the manifest of a run that begins.

    Args:
        recipe: recipe of the run.
        packed: training data.
        device: device of the networks.
        total: number of training images of the whole run.
    """
    return {
        **_training(recipe, packed),
        "images": total,
        "name": recipe.name,
        "source": recipe.data.source,
        "seed": recipe.train.seed,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "command": command(sys.argv),
        "created": _now(),
    }


def checkpoint_manifest(
    recipe: Recipe, packed: PackedDataset, *, images: int, step: int, stage: str, fade: float
) -> dict[str, Any]:
    """Return the manifest of a checkpoint.

    Args:
        recipe: recipe of the run.
        packed: training data.
        images: number of training images shown.
        step: number of steps done.
        stage: name of the stage of the last step.
        fade: fade of that stage, in [0, 1].
    """
    return {
        **_training(recipe, packed),
        "images": images,
        "step": step,
        "reached": {"stage": stage, "fade": fade},
    }


def converted_manifest(
    info: FamilyInfo, config: FamilyConfig, spec: DataSpec, *, stage: str, source: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the manifest, of run and checkpoint, of a model with weights from another program.

    Args:
        info: its family.
        config: its model options.
        spec: shape of the images that its networks are built for.
        stage: name of the last stage of training.
        source: origin of the weights.
    """
    return {
        **_model(info, config, spec),
        "mixture": None,
        "fingerprint": None,
        "images": 0,
        "step": 0,
        "reached": {"stage": stage, "fade": 1.0},
        "name": info.name,
        "source": "converted",
        "converted": dict(source),
        "command": command(sys.argv),
        "created": _now(),
    }


def exported_manifest(manifest: Mapping[str, Any], *, name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest, of run and checkpoint, of a model exported from a run.

    Args:
        manifest: manifest of the exported checkpoint.
        name: name of the model.
        source: run and checkpoint that it was exported from.
    """
    kept = {key: value for key, value in manifest.items() if key not in ("schema", "files", "sha256")}
    return {
        **kept,
        "name": name,
        "source": "exported",
        "exported": dict(source),
        "command": command(sys.argv),
        "created": _now(),
    }


def check_family(manifest: Mapping[str, Any], recipe: Recipe) -> None:
    """Check that a checkpoint belongs to the recipe's family.

    Raises:
        DataError: it belongs to another family.
    """
    if manifest["family"] != recipe.info.name:
        raise DataError(
            f"the checkpoint belongs to the family {manifest['family']!r}, but the recipe to {recipe.info.name!r}; "
            "choose another --out, or resume with the recipe that the run was started with"
        )


def device_name(device: torch.device) -> str:
    """Return the name of a device, such as `cuda (NVIDIA H100)`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def command(arguments: Sequence[str]) -> str:
    """Return the command line as typed, with `gan` in place of the path of the program."""
    import shlex

    return shlex.join(["gan", *arguments[1:]])


def _training(recipe: Recipe, packed: PackedDataset) -> dict[str, Any]:
    return {
        **_model(recipe.info, recipe.model, packed.spec),
        "mixture": packed.mixture.to_json() if packed.mixture else None,
        "fingerprint": packed.fingerprint,
    }


def _model(info: FamilyInfo, config: FamilyConfig, spec: DataSpec) -> dict[str, Any]:
    """Return everything needed to build the networks again."""
    plugin = registry().owner(info.name)
    return {
        "family": info.name,
        "tasks": list(info.tasks),
        "labels": list(spec.labels) if "label" in info.batch else [],
        "model": config.model_dump(mode="json"),
        "data": spec.to_json(),
        "versions": {
            "gancli": gancli.__version__,
            plugin.package: plugin.version,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
