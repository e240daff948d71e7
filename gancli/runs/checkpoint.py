"""Checkpoint files: atomic writes, hashes, retention, and the best checkpoint of a run.

A checkpoint is a directory `checkpoints/<images>/`. It is written under a temporary name, synced to the disk and then
renamed, so a directory with its final name is complete. Its manifest lists the SHA-256 of every file and contains a
SHA-256 of itself; all of them are checked before anything is loaded. Nothing is pickled or unpickled.

`checkpoints/best.json` names the best checkpoint by one metric. It is written after that checkpoint and only helps to
find it: training itself uses the state inside the checkpoints, so a missing or outdated file does no harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from gancli.errors import DataError
from gancli.io.files import disk_errors, sync_folder, temporary_path, write_atomically
from gancli.io.input_files import open_regular, parse_json_object, read_json_object, read_limited
from gancli.io.text import visible
from gancli.runs.documents import (
    MAX_MANIFEST_BYTES,
    Best,
    CheckpointManifest,
    TrainingState,
    check_document,
    known_fields,
    read_document,
)
from gancli.runs.run import MANIFEST, is_position, saved_positions
from gancli.weights.safetensors_file import Tensors, read_tensors

T = TypeVar("T")

SCHEMA = 1
"""Version of the checkpoint format, stored in every manifest."""

MODEL, STATE = "model", "state.json"

BEST = "best"
"""Name of the best checkpoint in a path: `<run>/checkpoints/best`."""

BEST_FILE = "best.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The content of one checkpoint.

    Args:
        manifest: family, model options, data and training position, as JSON values.
        tensors: tensors on the CPU, by file (`model`, `ema`, `optimizers`) and name.
        state: random streams, data position, counters and logs, as JSON values.
    """

    manifest: dict[str, Any]
    tensors: dict[str, Tensors]
    state: dict[str, Any]

    @property
    def images(self) -> int:
        """Number of training images shown."""
        return int(self.manifest["images"])

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, which contains those of all files: identifies the checkpoint's exact content."""
        return str(self.manifest["sha256"])

    def rename_networks(self, renamed: Mapping[str, str]) -> Checkpoint:
        """Return the checkpoint with the current names of its networks.

        Args:
            renamed: new network name by old one, as in `Family.renamed`.
        """
        if not renamed:
            return self
        tensors = {file: _rename_keys(values, renamed) for file, values in self.tensors.items()}
        players = {
            player: {**counters, "joined": _rename_keys(counters["joined"], renamed)}
            for player, counters in self.state.get("players", {}).items()
        }
        return replace(self, tensors=tensors, state={**self.state, "players": players} if players else self.state)


@dataclass(frozen=True, kw_only=True)
class BestCheckpoint:
    """The best checkpoint of a run.

    Args:
        images: number of training images shown, which names its directory.
        metric: metric by which it is the best.
        value: its value of the metric.
    """

    images: int
    metric: str
    value: float


def save(folder: Path, checkpoint: Checkpoint, *, keep: int, spare: Collection[int] = ()) -> Path:
    """Write a checkpoint under `folder` and remove older ones. Return its path.

    Checkpoints at a later position were skipped as damaged by a resume; they are neither counted nor removed.

    Args:
        folder: directory of all checkpoints of a run.
        checkpoint: content to write.
        keep: number of the newest checkpoints to keep, including this one.
        spare: positions (in images) of other checkpoints to keep.

    Raises:
        DiskError: writing failed; earlier checkpoints are intact and no partial checkpoint is left.
    """
    final = folder / str(checkpoint.images)
    temporary = temporary_path(final)
    with disk_errors(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(folder)
            temporary.mkdir()
            files = _write_files(temporary, checkpoint)
            manifest = {**checkpoint.manifest, "schema": SCHEMA, "files": files}
            manifest.pop("sha256", None)
            _write(temporary / MANIFEST, json.dumps({**manifest, "sha256": _digest(manifest)}, indent=1).encode())
            sync_folder(temporary)
            if final.exists():  # the same position again after a resume, with the same content
                _discard(final)
            temporary.rename(final)
            sync_folder(folder)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    reached = [path for path in complete(folder) if int(path.name) <= checkpoint.images]
    for old in reached[keep:]:
        if int(old.name) not in spare:
            _discard(old)
    return final


def discard_later(folder: Path, images: int) -> None:
    """Remove the checkpoints after a position that a run has returned to."""
    for path in complete(folder):
        if int(path.name) > images:
            _discard(path)


def complete(folder: Path) -> list[Path]:
    """Return the paths of all complete checkpoints under `folder`, newest first."""
    return [folder / str(images) for images in saved_positions(folder)]


def newest_valid(folder: Path) -> tuple[Checkpoint, list[str]]:
    """Load the newest checkpoint that is not damaged. Return it with the errors of any newer ones.

    Raises:
        DataError: there is no valid checkpoint.
    """
    faults: list[str] = []
    for path in complete(folder):
        try:
            return load(path), faults
        except DataError as error:
            faults.append(str(error))
    raise none_valid(folder, faults)


def none_valid(folder: Path, faults: Sequence[str]) -> DataError:
    """Return the error of a directory without a valid checkpoint, with the faults of all of them."""
    if faults:
        return DataError(f"no valid checkpoint under {folder}: {'; '.join(faults)}")
    return DataError(f"no checkpoint under {folder} yet; train without --resume to start from the beginning")


def load(path: Path) -> Checkpoint:
    """Load a checkpoint after checking every file.

    Raises:
        DataError: a file is missing, damaged, not listed, or was written by a later version.
    """
    manifest = load_manifest(path)
    listed: Mapping[str, Mapping[str, Any]] = manifest["files"]
    present = {file.name for file in path.iterdir()} - {MANIFEST}
    if present != set(listed):
        unexpected = visible(", ".join(sorted(present ^ set(listed))))
        raise DataError(f"the checkpoint {path} is damaged: {unexpected} is missing or does not belong there")
    for name in (f"{MODEL}.safetensors", STATE):
        if name not in listed:
            raise DataError(f"the checkpoint {path} is damaged: it has no {name}")
    for name, entry in listed.items():
        try:
            changed = _size(path / name) != entry["bytes"] or _hash(path / name) != entry["sha256"]
        except OSError as error:
            raise DataError(f"the checkpoint {path} is damaged: {name} cannot be read ({error.strerror})") from None
        if changed:
            raise DataError(f"the checkpoint {path} is damaged: {name} has changed since it was saved")
    tensors = {Path(name).stem: read_tensors(path / name) for name in listed if name.endswith(".safetensors")}
    state = parse_json_object(read_limited(path / STATE, within=path), name=str(path / STATE))
    if state:  # models from other programs have none
        check_document(state, TrainingState, name=str(path / STATE))
        if state["position"]["images"] != manifest["images"]:
            raise DataError(f"the checkpoint {path} is damaged: {STATE} and {MANIFEST} belong to different positions")
    return Checkpoint(manifest=manifest, tensors=tensors, state=state)


def load_manifest(path: Path) -> dict[str, Any]:
    """Load the manifest of a checkpoint and check it against its own hash.

    Raises:
        DataError: it is missing, damaged, or was written by a later version.
    """
    try:
        manifest = read_json_object(path / MANIFEST, limit=MAX_MANIFEST_BYTES, within=path)
        recorded = manifest.pop("sha256", None)
        digest = _digest(manifest)
    except (DataError, RecursionError, UnicodeEncodeError) as error:
        raise DataError(f"the checkpoint {path} is damaged: {MANIFEST} cannot be read ({error})") from None
    if digest != recorded:
        raise DataError(f"the checkpoint {path} is damaged: {MANIFEST} has changed since it was saved")
    schema = manifest.get("schema")
    if type(schema) is not int or schema < 1:
        raise DataError(f"the checkpoint {path} is damaged: {MANIFEST} names no version of the format")
    if schema > SCHEMA:
        raise DataError(f"the checkpoint {path} was written by a later version of gancli; upgrade to read it")
    check_document(manifest, CheckpointManifest, name=str(path / MANIFEST))
    if is_position(path.name) and int(path.name) != manifest["images"]:
        raise DataError(f"the checkpoint {path} is damaged: it is that at {manifest['images']:,} images, renamed")
    return {**manifest, "sha256": recorded}


def write_best(folder: Path, best: BestCheckpoint | None) -> None:
    """Write the name of the best checkpoint under `folder`, or remove it if `best` is None.

    Raises:
        DiskError: writing failed; the previous file is intact.
    """
    file = folder / BEST_FILE
    with disk_errors(file):
        if best is None:
            file.unlink(missing_ok=True)
        else:
            write_atomically(file, (json.dumps(asdict(best)) + "\n").encode())


def find_best(folder: Path) -> BestCheckpoint | None:
    """Return the best checkpoint under `folder`; None if none is named or its directory is gone."""
    try:
        values = read_document(folder / BEST_FILE, Best, within=folder, advice="")
    except DataError:
        return None
    best = BestCheckpoint(**known_fields(values, Best))
    return best if best_exists(folder, best) else None


def best_exists(folder: Path, best: BestCheckpoint) -> bool:
    """Return whether the best checkpoint is present and complete."""
    return (folder / str(best.images) / MANIFEST).is_file()


def module_state(modules: Mapping[str, nn.Module]) -> Tensors:
    """Return all tensors of modules on the CPU, named `<module>.<key>`."""
    return {
        f"{name}.{key}": value.detach().cpu()
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }


def load_state(modules: Mapping[str, nn.Module], tensors: Tensors) -> None:
    """Copy tensors named `<module>.<key>` into modules; tensors of other modules are ignored.

    Raises:
        KeyError, RuntimeError: a key is missing or a shape differs.
    """
    for name, module in modules.items():
        module.load_state_dict(
            {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        )


def _rename_keys(values: Mapping[str, T], renamed: Mapping[str, str]) -> dict[str, T]:
    """Rename networks in keys such as `<network>.<key>` and, for optimizers, `<player>/<network>.<key>/<slot>`."""

    def rename(key: str) -> str:
        owner, dot, rest = key.partition(".")
        player, slash, network = owner.rpartition("/")
        return f"{player}{slash}{renamed.get(network, network)}{dot}{rest}"

    return {rename(key): value for key, value in values.items()}


def _write_files(folder: Path, checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    for name, tensors in checkpoint.tensors.items():
        file = folder / f"{name}.safetensors"
        try:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, file)
        except SafetensorError as error:  # reports a full disk as text, not as an OSError with its number
            raise OSError(None, str(error), str(file)) from error
        with open(file, "rb+") as handle:
            os.fsync(handle.fileno())
    _write(folder / STATE, json.dumps(checkpoint.state).encode())
    return {file.name: {"sha256": _hash(file), "bytes": file.stat().st_size} for file in sorted(folder.iterdir())}


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _discard(path: Path) -> None:
    """Remove a checkpoint so that a crash halfway leaves no directory that looks complete."""
    doomed = temporary_path(path, ".old")
    with suppress(OSError):
        path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    for pattern in (".*.tmp", ".*.old"):
        for leftover in folder.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


def _size(path: Path) -> int:
    with open_regular(path, within=path.parent) as handle:
        return os.fstat(handle.fileno()).st_size


def _hash(path: Path) -> str:
    with open_regular(path, within=path.parent) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type]


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
