"""`gan convert`."""

from __future__ import annotations

import hashlib
import json as jsonlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field, ValidationError
from torch import nn

from gancli.data.spec import DataSpec
from gancli.errors import DataError, UsageError
from gancli.family.contract import Family
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import import_class, registry
from gancli.recipes.messages import complaints, unknown_option
from gancli.recipes.options import FamilyConfig, Options, Side
from gancli.recipes.overrides import Draft
from gancli.recipes.yaml import MAX_BYTES, Document, decode, parse
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint, load_state
from gancli.runs.manifest import converted_manifest
from gancli.runs.run import Run, new_run
from gancli.runtime.random import fork_torch_rng
from gancli.weights.name_mapping import Matched, Rules, listed, match, shapes_apart
from gancli.weights.safetensors_file import Tensors
from gancli.weights.sandbox import read_foreign

_COUNTERS = "num_batches_tracked"
"""Of batch normalisation, which older files lack and nobody reads once training is over."""


class Shape(Options):
    """The images that a family's networks are built for."""

    channels: Literal[1, 3, 4] = Field(default=3, description="1 grey, 3 colour, 4 colour and opacity")
    resolution: Side | tuple[Side, Side] = Field(default=64, description="side of the images, or [height, width]")


def convert(
    file: Path,
    *,
    family: str,
    overrides: Sequence[str],
    mapping: Path | None,
    prefix: str | None,
    partial: bool,
    out: Path | None,
    json: bool,
) -> Path:
    """Makes a model directory of another program's weights. Returns it.

    Args:
        file: a `.pth`, `.pt` or `.safetensors` file of named tensors.
        family: the name of the family whose networks they are of.
        overrides: `model.option=value`, and `data.channels` and `data.resolution` where the networks depend on them.
        mapping: a YAML file of names, ours to theirs.
        prefix: of the names in the file, where it holds weights more than once.
        partial: whether tensors of the file may be left over.
        out: the directory; runs/<file> if None.
        json: prints one object instead of sentences.

    Raises:
        GanError: the file is refused, or is not of such a model.
    """
    info = registry().family(family)
    config, shape = _options(info, overrides)
    rules = _rules(mapping)
    run = Run(out) if out else new_run(file.stem)
    if run.path.exists():
        raise UsageError(f"{run.path} exists already; choose another --out")
    model = _build(info, config, shape)
    tensors = read_foreign(file)
    modules = _untrained(model)
    own = {f"{name}.{key}": value for name, net in modules.items() for key, value in net.state_dict().items()}
    matched = match(own, tensors, rules, prefix=prefix)
    _check_names(matched, own, tensors, info, partial=partial)
    found = {name: tensors[theirs] for name, theirs in matched.names.items()}
    _check_values(found, own, info)
    load_state(modules, {**own, **{name: tensor.to(own[name].dtype) for name, tensor in found.items()}})
    _save(run, file, info, model, modules, matched)
    _report(run, info, matched, json=json)
    return run.path


def _options(info: FamilyInfo, overrides: Sequence[str]) -> tuple[FamilyConfig, Shape]:
    """The family's options and the shape of its images.

    Raises:
        UsageError: one line for each that is wrong.
    """
    draft = Draft(Document("--set", {"family": info.name}), overrides)
    if draft.family != info.name or draft.sections["train"]:
        raise UsageError("gan convert takes --set model.option=value, data.channels and data.resolution alone")
    checked = [_checked(draft, "model", import_class(info.config)), _checked(draft, "data", Shape)]
    draft.finish()
    config, shape = checked
    assert isinstance(config, FamilyConfig)
    assert isinstance(shape, Shape)
    return config, shape


def _checked(draft: Draft, section: str, options: type[BaseModel]) -> BaseModel | None:
    given = draft.sections[section]
    for option in draft.resets[section] - set(options.model_fields):
        draft.mistake(unknown_option(option, section, options.model_fields, {}), (section, option), key=True)
    try:
        return options.model_validate_json(jsonlib.dumps(given))
    except ValidationError as error:
        for sentence, trail, key in complaints(error, options, section, given, {}):
            draft.mistake(sentence, trail, key=key)
    return None


def _rules(mapping: Path | None) -> Rules:
    if mapping is None:
        return Rules({})
    try:
        with open(mapping, "rb") as file:
            document = parse(decode(file.read(MAX_BYTES + 1), name=str(mapping)), name=str(mapping))
    except OSError as error:
        raise UsageError(f"{mapping}: cannot be read: {error.strerror}") from None
    for ours, theirs in document.value.items():
        if not isinstance(theirs, str):
            raise UsageError(f"{mapping}:{document.place((ours,))}: {ours!r} must be a name in the file, in quotes")
    return Rules(document.value)


def _build(info: FamilyInfo, config: FamilyConfig, shape: Shape) -> Family[Any]:
    if "label" in info.batch or "attributes" in info.batch:
        raise UsageError(
            f"{info.name!r} reads labels, which a file of weights does not name; gan convert cannot take it"
        )
    side = shape.resolution
    height, width = side if isinstance(side, tuple) else (side, side)
    pairs = dict.fromkeys(info.batch, shape.channels) if "image" not in info.batch else {}
    spec = DataSpec(channels=shape.channels, height=height, width=width, channels_of=pairs)
    family: Family[Any] = import_class(info.family)(config, spec)
    return family


def _untrained(model: Family[Any]) -> dict[str, nn.Module]:
    with fork_torch_rng(torch.device("cpu")):
        torch.manual_seed(0)
        return model.build()


def _check_names(matched: Matched, own: Tensors, tensors: Tensors, info: FamilyInfo, *, partial: bool) -> None:
    """Holds the file to having each network whole, or nothing of it, and nothing more.

    Raises:
        DataError: naming what has no partner.
    """
    missing = [name for name in matched.missing if not name.endswith(_COUNTERS)]
    left = [name for name in matched.left if not name.endswith(_COUNTERS)]
    if not matched.names:
        raise DataError(
            f"no name in the file is one of {info.name!r}, such as {listed(list(own)[:2])}; it holds "
            f"{listed(tensors)}; say with --map which is which"
        )
    if missing:
        raise DataError(
            f"the file lacks {listed(missing, left or tensors)}; say with --map what they are called there, or set the "
            "model.options that it was built with"
        )
    if left and not partial:
        raise DataError(
            f"nothing of {info.name!r} is called {listed(left)} in the file; say with --map what they are, set the "
            "model.options that it was built with, or take --partial to leave them"
        )


def _check_values(found: Tensors, own: Tensors, info: FamilyInfo) -> None:
    if apart := shapes_apart(own, found):
        more = f", and {len(apart) - 3} more" if len(apart) > 3 else ""
        raise DataError(
            f"the file is of another model of {info.name!r}: {'; '.join(apart[:3])}{more}; set the model.options that "
            "it was built with"
        )
    if broken := [name for name, tensor in found.items() if not bool(torch.isfinite(tensor.float()).all())]:
        raise DataError(f"{listed(broken)} in the file are not finite; ask for sound weights")


def _save(
    run: Run, file: Path, info: FamilyInfo, model: Family[Any], modules: Mapping[str, nn.Module], matched: Matched
) -> None:
    with open(file, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    source = {"file": file.name, "sha256": digest, "prefix": matched.prefix, "untouched": matched.absent}
    stage = model.stages()[-1].name
    manifest = converted_manifest(info, model.config, model.data, stage=stage, source=source)
    tensors = {f"{name}.{key}": value for name, net in modules.items() for key, value in net.state_dict().items()}
    run.begin(manifest, None)
    checkpoints.save(run.checkpoints, Checkpoint(manifest=manifest, tensors={"model": tensors}, state={}), keep=1)


def _report(run: Run, info: FamilyInfo, matched: Matched, *, json: bool) -> None:
    left = matched.left
    if json:
        print(jsonlib.dumps({"run": str(run.path), "tensors": matched.names, "absent": matched.absent, "left": left}))
        return
    print(f"wrote {run.path}: {len(matched.names)} tensors of {info.name}")
    if matched.absent:
        print(f"not in the file, and left as before training: {', '.join(matched.absent)}")
    if left:
        print(f"left over in the file: {listed(left)}")
    image = "" if info.tasks[0] == "sample" else " IMAGE"
    print(f"next: gan {info.tasks[0]} {shlex.quote(str(run.path))}{image}")
