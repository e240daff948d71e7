"""Checkpoints that survive a crash at any moment and describe themselves.

A checkpoint is a directory `checkpoints/<images>/`, written under a temporary name, synced to the disk and renamed:
one that has its final name is complete. Its manifest lists the SHA-256 of every file and carries one of its own, and
all are checked before anything is loaded. Nothing is ever pickled or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from gancli.errors import DataError
from gancli.io.files import disk_errors, write_atomically
from gancli.runs.run import MANIFEST
from gancli.weights.safetensors_file import Tensors, read_tensors

SCHEMA = 1
"""Version of this layout, in every manifest."""

STATE = "state.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The content of one checkpoint.

    Args:
        manifest: what it is: family, model options, data, position. JSON values.
        tensors: by file (`model`, `ema`, `optimizers`) and name, on the CPU.
        state: where the run stood: random streams, data cursor, schedules. JSON values.
    """

    manifest: dict[str, Any]
    tensors: dict[str, Tensors]
    state: dict[str, Any]

    @property
    def images(self) -> int:
        return int(self.manifest["images"])

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, which itself holds those of all files: names this checkpoint's exact content."""
        return str(self.manifest["sha256"])


def save(folder: Path, checkpoint: Checkpoint, *, keep: int, spare: Collection[int] = ()) -> Path:
    """Writes a checkpoint under `folder` and removes those before it but for the newest `keep`, itself included.

    Any that claim a later position are what a resume passed over as damaged: they neither count nor are touched.

    Args:
        folder: of all checkpoints of a run.
        checkpoint: what to write.
        keep: how many of the newest stay.
        spare: positions of others that stay too.

    Raises:
        DiskError: the disk refuses; earlier checkpoints are untouched and nothing half written is left.
    """
    final = folder / str(checkpoint.images)
    temporary = folder / f".{final.name}.{os.getpid()}.tmp"
    with disk_errors(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(folder)
            temporary.mkdir()
            files = _write_files(temporary, checkpoint)
            manifest = {**checkpoint.manifest, "schema": SCHEMA, "files": files}
            manifest.pop("sha256", None)
            _write(temporary / MANIFEST, json.dumps({**manifest, "sha256": _digest(manifest)}, indent=1).encode())
            _sync(temporary)
            if final.exists():  # the same position again, after a resume: it holds the same content
                _discard(final)
            temporary.rename(final)
            _sync(folder)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    reached = [path for path in complete(folder) if int(path.name) <= checkpoint.images]
    for old in reached[keep:]:
        if int(old.name) not in spare:
            _discard(old)
    return final


def discard_later(folder: Path, images: int) -> None:
    """Removes the checkpoints after a position that a run has gone back to."""
    for path in complete(folder):
        if int(path.name) > images:
            _discard(path)


def complete(folder: Path) -> list[Path]:
    """The checkpoints under `folder` that were finished, newest first."""
    found = [path for path in folder.glob("[0-9]*") if (path / MANIFEST).is_file()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def newest_sound(folder: Path) -> tuple[Checkpoint, list[str]]:
    """The newest checkpoint that is not damaged, and what is wrong with any newer one.

    Raises:
        DataError: there is no sound checkpoint.
    """
    faults: list[str] = []
    for path in complete(folder):
        try:
            return load(path), faults
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError(f"no sound checkpoint under {folder}: {'; '.join(faults)}")
    raise DataError(f"no checkpoint under {folder} yet; train on without --resume to start anew")


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint after checking all of it.

    Raises:
        DataError: something is missing, damaged, too new or not as listed; the text names it.
    """
    manifest = load_manifest(path)
    listed: Mapping[str, Mapping[str, Any]] = manifest["files"]
    present = {file.name for file in path.iterdir()} - {MANIFEST}
    if present != set(listed):
        odd = ", ".join(sorted(present ^ set(listed)))
        raise DataError(f"the checkpoint {path} is damaged: {odd} is missing or does not belong there")
    for name, entry in listed.items():
        if _hash(path / name) != entry["sha256"]:
            raise DataError(f"the checkpoint {path} is damaged: {name} is not what was saved")
    tensors = {Path(name).stem: read_tensors(path / name) for name in listed if name.endswith(".safetensors")}
    state = json.loads((path / STATE).read_text(encoding="utf-8"))
    return Checkpoint(manifest=manifest, tensors=tensors, state=state)


def load_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint, checked against its own hash.

    Raises:
        DataError: it is missing, damaged or from a later version.
    """
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        recorded = manifest.pop("sha256")
        digest = _digest(manifest)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"the checkpoint {path} is damaged: {MANIFEST} cannot be read ({error})") from None
    if digest != recorded:
        raise DataError(f"the checkpoint {path} is damaged: {MANIFEST} is not what was saved")
    if manifest["schema"] > SCHEMA:
        raise DataError(f"the checkpoint {path} was written by a later version of gancli; upgrade to read it")
    return {**manifest, "sha256": recorded}


def _write_files(folder: Path, checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    for name, tensors in checkpoint.tensors.items():
        file = folder / f"{name}.safetensors"
        try:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, file)
        except SafetensorError as error:  # it reports a full disk in words, not as an OSError with its number
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


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(path: Path) -> None:
    """Removes a checkpoint so that a crash half way leaves nothing that looks complete."""
    grave = path.with_name(f".{path.name}.{os.getpid()}.old")
    with suppress(OSError):
        path.rename(grave)
    shutil.rmtree(grave, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    for pattern in (".*.tmp", ".*.old"):
        for leftover in folder.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


def _hash(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def load_state(modules: Mapping[str, nn.Module], tensors: Tensors) -> None:
    """Copies tensors named `<module>.<key>` into modules; every key of a module must be there.

    Raises:
        KeyError, RuntimeError: names or shapes do not fit.
    """
    for name, module in modules.items():
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        module.load_state_dict(own)


def module_state(modules: Mapping[str, nn.Module]) -> Tensors:
    return {
        f"{name}.{key}": value.detach().cpu()
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }


MARKER = "best.json"

NAME = "best"
"""What a person calls it in a path: `<run>/checkpoints/best`."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """A checkpoint and what made it the best.

    Args:
        images: its name.
        metric: that decided.
        value: of it.
    """

    images: int
    metric: str
    value: float


def write(folder: Path, best: Best | None) -> None:
    """Names the best checkpoint under `folder`, or none.

    Raises:
        DiskError: the disk refuses; what was named before is intact.
    """
    file = folder / MARKER
    with disk_errors(file):
        if best is None:
            file.unlink(missing_ok=True)
        else:
            write_atomically(file, (json.dumps(asdict(best)) + "\n").encode())


def find(folder: Path) -> Best | None:
    """The best checkpoint under `folder`; None where none is named, or it is no longer there."""
    try:
        best = Best(**json.loads((folder / MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return best if exists(folder, best) else None


def exists(folder: Path, best: Best) -> bool:
    """Whether its checkpoint is complete."""
    return (folder / str(best.images) / MANIFEST).is_file()
