"""`gan convert`: make a model directory from the weights of another program."""

from __future__ import annotations

import json as jsonlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancli.cli.options import Json
from gancli.errors import DataError, UsageError
from gancli.runs.run import Run

if TYPE_CHECKING:
    from torch import nn

    from gancli.cli.shared.network_options import ImageShape
    from gancli.family.contract import Family
    from gancli.plugins.hookspecs import FamilyInfo
    from gancli.recipes.options import FamilyConfig
    from gancli.weights.name_mapping import NameMapping, NameMatch
    from gancli.weights.safetensors_file import Tensors

_COUNTERS = "num_batches_tracked"
"""Counters of batch normalisation: missing in older files, and unused after training."""


def convert(
    file: Annotated[Path, typer.Argument(help="File of named tensors: .pth, .pt or .safetensors.")],
    family: Annotated[str, typer.Option(help="Family of the networks.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Option that the networks were built with: --set model.blocks=16, data.channels, data.resolution.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--map",
            help="YAML file that maps names of this toolkit to names in the file: "
            "generator.body.{i}.conv1: residual{i}.conv1.",
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="Prefix of the tensors to use, if the file contains several sets of weights: params_ema."),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Ignore tensors that no network uses.")] = False,
    out: Annotated[Path | None, typer.Option(help="Model directory (default: runs/<file>).")] = None,
    json: Json = False,
) -> None:
    """Convert weights that another program saved to a model. Nothing in the file is executed."""
    from gancli.cli.shared.network_options import parse_network_options
    from gancli.plugins.registry import import_class, registry
    from gancli.runs.checkpoint import load_state, module_state
    from gancli.runs.directories import claim, claim_new
    from gancli.weights.name_mapping import match
    from gancli.weights.sandbox import read_foreign

    info = registry().family(family)
    config, shape = parse_network_options(info, overrides or [], command="gan convert")
    names = _load_mapping(mapping, import_class(info.family).renamed)
    with claim(out) if out else claim_new(file.stem) as run:
        model = _build(info, config, shape)
        tensors = read_foreign(file)
        modules = _initialize(model)
        initial = module_state(modules)
        matched = match(initial, tensors, names, prefix=prefix)
        _check_names(matched, initial, tensors, info, partial=partial)
        converted = {name: tensors[theirs] for name, theirs in matched.names.items()}
        _check_values(converted, initial, info)
        converted = {name: tensor.to(initial[name].dtype) for name, tensor in converted.items()}
        load_state(modules, {**initial, **converted})
        _save(run, file, info, model, modules, matched)
    _print_result(run, info, matched, json=json)


def _load_mapping(path: Path | None, renamed: Mapping[str, str]) -> NameMapping:
    from gancli.recipes.yaml import MAX_BYTES, decode, parse
    from gancli.weights.name_mapping import NameMapping

    if path is None:
        return NameMapping({}, renamed)
    try:
        with open(path, "rb") as file:
            document = parse(decode(file.read(MAX_BYTES + 1), name=str(path)), name=str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    for ours, theirs in document.value.items():
        if not isinstance(theirs, str):
            raise UsageError(f"{path}:{document.position((ours,))}: {ours!r} must be a name in the file, in quotes")
    return NameMapping(document.value, renamed)


def _build(info: FamilyInfo, config: FamilyConfig, shape: ImageShape) -> Family[Any]:
    from gancli.data.spec import DataSpec
    from gancli.plugins.registry import import_class

    if "label" in info.batch or "attributes" in info.batch:
        raise UsageError(
            f"{info.name!r} reads labels, but a file of weights does not name them; gan convert supports only families "
            "without labels"
        )
    height, width = shape.size
    channels = dict.fromkeys(info.batch, shape.channels) if "image" not in info.batch else {}
    spec = DataSpec(channels=shape.channels, height=height, width=width, channels_of=channels)
    family: Family[Any] = import_class(info.family)(config, spec)
    return family


def _initialize(model: Family[Any]) -> dict[str, nn.Module]:
    import torch

    from gancli.runtime.random import fork_torch_rng

    with fork_torch_rng(torch.device("cpu")):
        torch.manual_seed(0)
        return model.build()


def _check_names(matched: NameMatch, initial: Tensors, tensors: Tensors, info: FamilyInfo, *, partial: bool) -> None:
    """Check that the file contains each network completely or not at all, and nothing else.

    Raises:
        DataError: tensors have no counterpart.
    """
    from gancli.weights.name_mapping import listed

    missing = [name for name in matched.missing if not name.endswith(_COUNTERS)]
    left = [name for name in matched.unused if not name.endswith(_COUNTERS)]
    if not matched.names:
        raise DataError(
            f"no name in the file is one of {info.name!r}, such as {listed(list(initial)[:2])}; the file contains "
            f"{listed(tensors)}; map the names with --map"
        )
    if missing:
        raise DataError(
            f"the file lacks {listed(missing, left or tensors)}; map their names with --map, or set the model.options "
            "that the networks were built with"
        )
    if left and not partial:
        raise DataError(
            f"{info.name!r} has no tensors for {listed(left)} in the file; map their names with --map, set the "
            "model.options that the networks were built with, or ignore them with --partial"
        )


def _check_values(converted: Tensors, initial: Tensors, info: FamilyInfo) -> None:
    import torch

    from gancli.weights.name_mapping import listed, shape_differences

    if apart := shape_differences(initial, converted):
        more = f", and {len(apart) - 3} more" if len(apart) > 3 else ""
        raise DataError(
            f"the file does not fit these networks of {info.name!r}: {'; '.join(apart[:3])}{more}; set the "
            "model.options that the networks were built with"
        )
    if broken := [name for name, tensor in converted.items() if not bool(torch.isfinite(tensor.float()).all())]:
        raise DataError(f"{listed(broken)} in the file are not finite; use another file of weights")


def _save(
    run: Run, file: Path, info: FamilyInfo, model: Family[Any], modules: Mapping[str, nn.Module], matched: NameMatch
) -> None:
    import hashlib

    from gancli.runs.checkpoint import Checkpoint, module_state, save
    from gancli.runs.manifest import converted_manifest

    with open(file, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    source = {"file": file.name, "sha256": digest, "prefix": matched.prefix, "untouched": matched.absent}
    manifest = converted_manifest(info, model.config, model.data, stage=model.stages()[-1].name, source=source)
    run.begin(manifest, None)
    checkpoint = Checkpoint(manifest=manifest, tensors={"model": module_state(modules)}, state={})
    save(run.checkpoints, checkpoint, keep=1)


def _print_result(run: Run, info: FamilyInfo, matched: NameMatch, *, json: bool) -> None:
    from gancli.family.tasks import TASKS
    from gancli.weights.name_mapping import listed

    left = matched.unused
    if json:
        print(jsonlib.dumps({"run": str(run.path), "tensors": matched.names, "absent": matched.absent, "left": left}))
        return
    print(f"wrote {run.path}: {len(matched.names)} tensors of {info.name}")
    if matched.absent:
        print(f"not in the file, and left as initialized: {', '.join(matched.absent)}")
    if left:
        print(f"not used from the file: {listed(left)}")
    task = TASKS.get(info.tasks[0])
    image = " IMAGE" if task is None or task.takes_images else ""
    print(f"next: gan {info.tasks[0]} {shlex.quote(str(run.path))}{image}")
