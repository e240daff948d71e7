"""What a run and a checkpoint say about themselves, so that no flag is needed to use them."""

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


def checkpoint_manifest(
    recipe: Recipe, packed: PackedDataset, *, images: int, step: int, stage: str, fade: float
) -> dict[str, Any]:
    """Everything that loading a checkpoint needs, and where it comes from.

    Args:
        recipe: of the run.
        packed: its data.
        images: training images shown.
        step: steps done.
        stage: name of the stage of the last step.
        fade: how far that stage had faded.
    """
    return {
        **_origin(recipe, packed),
        "images": images,
        "step": step,
        "reached": {"stage": stage, "fade": fade},
    }


def converted_manifest(
    info: FamilyInfo, config: FamilyConfig, spec: DataSpec, *, stage: str, source: Mapping[str, Any]
) -> dict[str, Any]:
    """What a model says that was not trained here, as a run and as a checkpoint.

    Args:
        info: of its family.
        config: its options.
        spec: of the images that its networks are built for.
        stage: in which training would have left it.
        source: where the weights come from.
    """
    return {
        **_described(info, config, spec),
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
    """What a model says that was taken out of a run, as a run and as a checkpoint.

    Args:
        manifest: of the checkpoint.
        name: of the model.
        source: which checkpoint of which run it is.
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


def _origin(recipe: Recipe, packed: PackedDataset) -> dict[str, Any]:
    """What was trained on what, and with which programs."""
    return {
        **_described(recipe.info, recipe.model, packed.spec),
        "mixture": packed.mixture.to_json() if packed.mixture else None,
        "fingerprint": packed.fingerprint,
    }


def _described(info: FamilyInfo, config: FamilyConfig, spec: DataSpec) -> dict[str, Any]:
    """What it takes to build a model again."""
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


def check_family(manifest: Mapping[str, Any], recipe: Recipe) -> None:
    """Holds a checkpoint to the family that would go on from it.

    Raises:
        DataError: it is of another one.
    """
    if manifest["family"] != recipe.info.name:
        raise DataError(
            f"the checkpoint is of the family {manifest['family']!r}, the recipe of {recipe.info.name!r}; "
            "choose another --out, or resume with the recipe that began the run"
        )


def run_manifest(recipe: Recipe, packed: PackedDataset, *, device: torch.device, total: int) -> dict[str, Any]:
    """What a run records when it begins."""
    return {
        **_origin(recipe, packed),
        "images": total,
        "name": recipe.name,
        "source": recipe.data.source,
        "seed": recipe.train.seed,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "command": command(sys.argv),
        "created": _now(),
    }


def device_name(device: torch.device) -> str:
    """Such as `cuda (NVIDIA H100)`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def command(arguments: Sequence[str]) -> str:
    """The command line as it was typed, the program's own path left out."""
    import shlex

    return shlex.join(["gan", *arguments[1:]])
