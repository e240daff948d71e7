"""Documents of runs are checked: types, ranges, sizes, and that they belong together."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gancli.errors import DataError
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import BestCheckpoint
from gancli.runs.documents import (
    Best,
    CheckpointManifest,
    Document,
    Evaluation,
    RunManifest,
    TrainingState,
    check_document,
    known_fields,
)
from gancli.runs.run import Run

STORED = Path(__file__).parents[2] / "faults" / "checkpoints" / "0.2.0" / "cgan"
CHECKPOINT = STORED / "checkpoints" / "40"

DOCUMENTS: dict[type[Document], dict[str, Any]] = {
    RunManifest: json.loads((STORED / "manifest.json").read_text()),
    CheckpointManifest: json.loads((CHECKPOINT / "manifest.json").read_text()),
    TrainingState: json.loads((CHECKPOINT / "state.json").read_text()),
    Best: {"images": 8, "metric": "fid", "value": 3.5},
    Evaluation: {"metric": "fid", "value": 3.5, "protocol": {"images": 8, "chosen": "during training"}},
}


@pytest.mark.parametrize("schema", DOCUMENTS)
def test_documents_of_this_version_and_of_later_ones_are_valid(schema: type[Document]) -> None:
    document = {**DOCUMENTS[schema], "a field of a later version": [1, {"x": None}]}
    assert check_document(document, schema, name="x") == document


@pytest.mark.parametrize(
    ("schema", "path", "value", "said"),
    [
        (RunManifest, "family", None, "family should be a valid string"),
        (RunManifest, "images", True, "images should be a valid integer"),
        (RunManifest, "images", -1, "images should be greater than or equal to 0 (found -1)"),
        (RunManifest, "images", 10**400, "found a number of more than 30 digits"),
        (RunManifest, "labels", "abc", "labels should be a valid list"),
        (RunManifest, "group", "../../x", "group"),
        (RunManifest, "group", "..", "group"),
        (RunManifest, "versions", [], "versions should be a valid dictionary (found a list of 0)"),
        (RunManifest, "data", {"channels": 1, "height": 1}, "data.width is missing"),
        (
            RunManifest,
            "data",
            {"channels": 2**16, "height": 2**16, "width": 1, "labels": []},
            "images of 65536x65536x1 are too large",
        ),
        (RunManifest, "labels", ["\ud800"], "labels.0"),
        (RunManifest, "labels", ["x" * 2_000], "labels.0"),
        (CheckpointManifest, "files", {"../x": {"sha256": "0" * 64, "bytes": 1}}, "files.../x"),
        (CheckpointManifest, "reached", {"stage": "a", "fade": 2}, "reached.fade"),
        (CheckpointManifest, "reached", {"stage": "a", "fade": float("nan")}, "reached.fade"),
        (CheckpointManifest, "mixture", {"means": [], "std": 1.0}, "mixture.means"),
        (CheckpointManifest, "mixture", {"means": [[1.0]], "std": 0.0}, "mixture.std"),
        (TrainingState, "position", {"images": 8}, "position.step is missing"),
        (TrainingState, "loader", 0.5, "loader should be a valid integer"),
        (TrainingState, "averages", {"a": [1.0]}, "averages.a"),
        (TrainingState, "players", {"generator": {"updates": 3, "joined": {"w": 4}}}, "players.generator"),
        (TrainingState, "files", {"metrics": 1, "timings": "x"}, "files.timings"),
        (Best, "value", float("inf"), "value it is not finite"),
        (Evaluation, "protocol", {"chosen": "during training"}, "protocol images is missing"),
        (Evaluation, "value", "3", "value should be a valid number"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(schema: type[Document], path: str, value: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        check_document({**DOCUMENTS[schema], path: value}, schema, name="some/file.json")
    message = str(caught.value)
    assert message.startswith("some/file.json is damaged: ")
    assert said in message
    assert len(message) < 500
    message.encode()


@pytest.mark.parametrize("schema", DOCUMENTS)
def test_a_missing_field_is_named(schema: type[Document]) -> None:
    for name, field in schema.model_fields.items():
        if field.is_required():
            document = {key: value for key, value in DOCUMENTS[schema].items() if key != name}
            with pytest.raises(DataError, match=f"^x is damaged: {name} is missing$"):
                check_document(document, schema, name="x")


def test_fields_of_later_versions_are_passed_over() -> None:
    assert known_fields({"images": 8, "metric": "fid", "value": 1.0, "since": 3}, Best) == {
        "images": 8,
        "metric": "fid",
        "value": 1.0,
    }


def copy(tmp_path: Path) -> Path:
    shutil.copytree(STORED, tmp_path / "run")
    return tmp_path / "run" / "checkpoints" / "40"


def change(folder: Path, **manifest: Any) -> None:
    """Change the manifest of a checkpoint and its hash."""
    values = json.loads((folder / "manifest.json").read_text())
    del values["sha256"]
    values |= manifest
    (folder / "manifest.json").write_text(json.dumps({**values, "sha256": checkpoints._digest(values)}))


def test_a_checkpoint_with_a_valid_hash_and_wrong_fields(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    change(folder, labels=3)
    with pytest.raises(DataError, match="labels should be a valid list"):
        checkpoints.load(folder)
    for schema in (None, "1", 0, True):
        change(folder, schema=schema)
        with pytest.raises(DataError, match="names no version of the format"):
            checkpoints.load(folder)


def test_a_state_with_a_valid_hash_and_wrong_fields(tmp_path: Path) -> None:
    checkpoint = checkpoints.load(copy(tmp_path))
    for state, said in (
        ({**checkpoint.state, "loader": -1}, "loader should be greater than or equal to 0"),
        ({**checkpoint.state, "position": {"images": 8, "step": 1}}, "belong to different positions"),
    ):
        path = checkpoints.save(tmp_path / "other", replace(checkpoint, state=state), keep=1)
        with pytest.raises(DataError, match=said):
            checkpoints.load(path)


def test_a_renamed_checkpoint_is_found_and_a_copy_under_another_name_loads(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    folder.rename(folder.with_name("80"))
    with pytest.raises(DataError, match="it is that at 40 images, renamed"):
        checkpoints.load(folder.with_name("80"))
    folder.with_name("80").rename(folder.with_name("80.bak"))
    assert checkpoints.load(folder.with_name("80.bak")).images == 40


def test_a_checkpoint_without_networks_or_state(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    for missing in ("model.safetensors", "state.json"):
        (folder / missing).rename(tmp_path / missing)
        change(folder, files={name: entry for name, entry in files.items() if name != missing})
        with pytest.raises(DataError, match=f"it has no {missing}"):
            checkpoints.load(folder)
        (tmp_path / missing).rename(folder / missing)


def test_a_file_of_gigabytes_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy(tmp_path)
    os.truncate(folder / "model.safetensors", 10**12)
    hashed: list[Path] = []
    real = checkpoints._hash
    monkeypatch.setattr(checkpoints, "_hash", lambda path: hashed.append(path) or real(path))
    with pytest.raises(DataError, match=r"model\.safetensors has changed since it was saved"):
        checkpoints.load(folder)
    assert folder / "model.safetensors" not in hashed


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def outside(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize("place", [fifo, folder, device, outside, loop, nothing])
def test_what_is_no_file_of_the_run_is_not_read(tmp_path: Path, place: Callable[[Path], None]) -> None:
    checkpoint = copy(tmp_path)
    run = Run(tmp_path / "run")
    for path in (run.path / "manifest.json", checkpoint / "manifest.json", checkpoint / "state.json"):
        content = path.read_bytes()
        path.unlink()
        place(path)
        with pytest.raises(DataError, match=path.name):
            run.manifest() if path.parent == run.path else checkpoints.load(checkpoint)
        path.rmdir() if place is folder else path.unlink(missing_ok=True)
        path.write_bytes(content)
    place(run.checkpoints / "best.json")
    assert checkpoints.find_best(run.checkpoints) is None


def test_the_best_checkpoint_is_read_if_it_is_valid(tmp_path: Path) -> None:
    checkpoint = copy(tmp_path)
    best = BestCheckpoint(images=40, metric="fid", value=3.5)
    checkpoints.write_best(checkpoint.parent, best)
    assert checkpoints.find_best(checkpoint.parent) == best
    for content in ('{"images": "40", "metric": "fid", "value": 3.5}', "[" * 100_000, "[]", "{}", "\ufeff"):
        (checkpoint.parent / "best.json").write_text(content)
        assert checkpoints.find_best(checkpoint.parent) is None
