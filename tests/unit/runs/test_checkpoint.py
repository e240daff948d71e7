"""Checkpoints are complete or absent, checked before use, and never destroyed by a failing save."""

from __future__ import annotations

import errno
import json
import os
import random
import struct
from pathlib import Path

import pytest
import torch

from gancli.errors import DataError, DiskError
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint
from gancli.weights.safetensors_file import read_tensors

STORED = Path(__file__).parents[2] / "faults/checkpoints/0.2.0/gan/checkpoints/40"
MANIFEST, STATE = (json.loads((STORED / name).read_text()) for name in ("manifest.json", "state.json"))


def make(images: int) -> Checkpoint:
    generator = torch.Generator().manual_seed(images)
    weights = {"g.weight": torch.randn(8, 8, generator=generator), "g.count": torch.tensor(images)}
    return Checkpoint(
        manifest={**MANIFEST, "images": images, "step": images // 8},
        tensors={"model": weights, "optimizers": {"g/w/exp_avg": torch.zeros(3)}},
        state={**STATE, "position": {"images": images, "step": images // 8}},
    )


def same(first: Checkpoint, second: Checkpoint) -> bool:
    return first.state == second.state and all(
        torch.equal(tensor, second.tensors[file][name])
        for file, tensors in first.tensors.items()
        for name, tensor in tensors.items()
    )


def test_round_trip_and_pruning(tmp_path: Path) -> None:
    for images in (80, 160, 240):
        checkpoints.save(tmp_path, make(images), keep=2)
    assert [path.name for path in checkpoints.complete(tmp_path)] == ["240", "160"]
    newest, faults = checkpoints.newest_valid(tmp_path)
    assert same(newest, make(240))
    assert faults == []
    assert sorted(os.listdir(tmp_path)) == ["160", "240"]


def test_saving_the_same_position_again_replaces_it(tmp_path: Path) -> None:
    for _ in range(2):
        checkpoints.save(tmp_path, make(80), keep=2)
    assert same(checkpoints.load(tmp_path / "80"), make(80))
    assert os.listdir(tmp_path) == ["80"]


def test_r7_a_damaged_later_checkpoint_never_costs_a_good_one(tmp_path: Path) -> None:
    """A run that resumed from 80 because 160 is damaged saves at 120: keep=1 must keep that checkpoint."""
    for images in (80, 160):
        checkpoints.save(tmp_path, make(images), keep=2)
    (tmp_path / "160" / "model.safetensors").write_bytes(b"damaged")
    checkpoints.save(tmp_path, make(120), keep=1)
    valid, faults = checkpoints.newest_valid(tmp_path)
    assert same(valid, make(120))
    assert len(faults) == 1
    checkpoints.save(tmp_path, make(160), keep=1)
    assert [path.name for path in checkpoints.complete(tmp_path)] == ["160"]
    assert same(checkpoints.load(tmp_path / "160"), make(160))


def test_leftovers_of_a_crash_are_ignored_and_then_removed(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, make(80), keep=2)
    for name in (".160.1.tmp", ".40.1.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    (tmp_path / "400").mkdir()  # no manifest: never complete
    assert [path.name for path in checkpoints.complete(tmp_path)] == ["80"]
    checkpoints.save(tmp_path, make(160), keep=2)
    assert sorted(os.listdir(tmp_path)) == ["160", "400", "80"]


def flip(path: Path, random_: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[random_.randrange(len(content))] ^= 1 << random_.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, random_: random.Random) -> None:
    os.truncate(path, random_.randrange(path.stat().st_size))


def remove(path: Path, random_: random.Random) -> None:
    path.unlink()


def add(path: Path, random_: random.Random) -> None:
    (path.parent / "extra.safetensors").write_bytes(b"")


@pytest.mark.parametrize("damage", [flip, truncate, remove, add])
@pytest.mark.parametrize("seed", range(50))
def test_r7_damage_is_found_and_the_one_before_is_taken(tmp_path: Path, damage, seed: int) -> None:
    for images in (80, 160):
        checkpoints.save(tmp_path, make(images), keep=2)
    random_ = random.Random(seed)
    victim = random_.choice(sorted((tmp_path / "160").iterdir()))
    damage(victim, random_)
    valid, faults = checkpoints.newest_valid(tmp_path)
    assert same(valid, make(80))
    if not (damage is remove and victim.name == "manifest.json"):  # without a manifest it was never complete
        assert len(faults) == 1
        assert "160" in faults[0]


def test_r7_swapped_files_are_found(tmp_path: Path) -> None:
    folder = checkpoints.save(tmp_path, make(80), keep=2)
    model, optimizers = folder / "model.safetensors", folder / "optimizers.safetensors"
    model.rename(folder / "x")
    optimizers.rename(model)
    (folder / "x").rename(optimizers)
    with pytest.raises(DataError, match="has changed since it was saved"):
        checkpoints.load(folder)


def test_r7_a_header_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bomb = tmp_path / "model.safetensors"
    bomb.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(DataError, match="header claims"):
        read_tensors(bomb)
    entries = {f"t{index}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for index in range(30_000)}
    header = json.dumps(entries).encode()
    bomb.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(DataError, match="30,000 tensors"):
        read_tensors(bomb)
    header = (
        b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
    )
    bomb.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(DataError, match="occurs twice"):
        read_tensors(bomb)


def test_nothing_at_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no checkpoint under"):
        checkpoints.newest_valid(tmp_path)


def test_a_later_layout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SCHEMA", 2)
    folder = checkpoints.save(tmp_path, make(80), keep=2)
    monkeypatch.setattr(checkpoints, "SCHEMA", 1)
    with pytest.raises(DataError, match="later version"):
        checkpoints.load(folder)


SYNCS = ("model", "optimizers", "state", "manifest", "folder", "parent")
"""Files and directories that a save syncs to the disk, in this order; the rename comes after the fifth."""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("point", SYNCS)
def test_r6_a_disk_that_refuses_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, point: str
) -> None:
    checkpoints.save(tmp_path, make(80), keep=1)
    points = iter(SYNCS)
    real = os.fsync

    def failing(descriptor: int) -> None:
        if next(points) == point:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(DiskError, match=f"{os.strerror(number)}.*MB free") as raised:
        checkpoints.save(tmp_path, make(160), keep=1)
    assert raised.value.exit_code == 74
    newest, faults = checkpoints.newest_valid(tmp_path)
    assert same(newest, make(160 if point == "parent" else 80))
    assert faults == []
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_r1_a_checkpoint_is_renamed_before_it_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in the middle leaves no directory that looks complete, and the next save removes what it left."""
    checkpoints.save(tmp_path, make(80), keep=1)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.shutil, "rmtree", lambda *_, **__: None)  # the process ends before it has removed
        checkpoints.save(tmp_path, make(160), keep=1)
    assert [path.name for path in checkpoints.complete(tmp_path)] == ["160"]
    assert not (tmp_path / "80").exists()
    checkpoints.save(tmp_path, make(240), keep=1)
    assert os.listdir(tmp_path) == ["240"]
