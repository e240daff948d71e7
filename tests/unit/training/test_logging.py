from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from gancli.errors import DataError, DiskError
from gancli.training.logging import Averages, JsonLines

CPU = torch.device("cpu")


def test_means_are_over_the_window_and_by_name() -> None:
    averages = Averages()
    for value in (1.0, 2.0, 6.0):
        averages.add("d/loss", torch.tensor(value))
    averages.add("g/loss", torch.tensor(5.0, requires_grad=True) * 1)
    assert averages.take() == {"d/loss": 3.0, "g/loss": 5.0}
    assert averages.take() == {}


def test_every_line_lists_its_values_in_the_same_order() -> None:
    averages = Averages()
    for names in (("b", "a"), ("a", "c", "b")):
        for name in names:
            averages.add(name, torch.tensor(1.0))
        assert list(averages.take()) == sorted(names)


def test_a_half_full_window_goes_through_a_checkpoint() -> None:
    first, second = Averages(), Averages()
    first.add("a", torch.tensor(0.1))
    second.restore(json.loads(json.dumps(first.state())), CPU)
    for averages in (first, second):
        averages.add("a", torch.tensor(0.7))
    assert first.take() == second.take()


def test_a_value_counted_in_can_change_afterwards() -> None:
    averages, value = Averages(), torch.tensor(1.0)
    averages.add("a", value)
    value.fill_(9.0)
    averages.add("a", value)
    assert averages.take() == {"a": 5.0}
    assert value == 9


def test_lines_can_be_cut_back(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "m.jsonl")
    lines.append({"images": 1})
    size = lines.size
    lines.append({"images": 2})
    lines.cut(size)
    lines.append({"images": 3})
    assert [json.loads(line)["images"] for line in lines.path.read_text().splitlines()] == [1, 3]


def test_a_full_disk_is_one_sentence() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with pytest.raises(DiskError, match=r"cannot write .*: No space left on device"):
        JsonLines(Path("/dev/full")).append({"images": 1})


def log(tmp_path: Path, count: int = 4) -> tuple[JsonLines, bytes]:
    lines = JsonLines(tmp_path / "metrics.jsonl")
    for images in range(8, 8 * count + 1, 8):
        lines.append({"images": images, "loss": 0.5})
    return lines, lines.path.read_bytes()


def test_a_whole_log_is_restored_without_a_word(tmp_path: Path) -> None:
    lines, content = log(tmp_path)
    size = lines.size
    lines.append({"images": 40})
    assert lines.restore(size) is None
    assert lines.path.read_bytes() == content
    assert JsonLines(tmp_path / "none.jsonl").restore(0) is None


@pytest.mark.parametrize("left", [0, 1, 29, 30, 31, 60, 100])
def test_a_log_that_lost_its_end_is_said_and_ends_with_a_whole_line(tmp_path: Path, left: int) -> None:
    lines, content = log(tmp_path)
    os.truncate(lines.path, left)
    said = lines.restore(len(content))
    kept = content[:left].rfind(b"\n") + 1
    lost = f"the last {len(content) - kept} of {len(content)} bytes are lost"
    assert said == f"{lines.path} is shorter than at the checkpoint: {lost}"
    assert lines.path.read_bytes() == content[:kept]
    lines.append({"images": 40})
    assert [json.loads(line)["images"] for line in lines.path.read_text().splitlines()][-1] == 40


def test_a_log_that_is_gone_is_said(tmp_path: Path) -> None:
    lines, content = log(tmp_path)
    lines.path.unlink()
    assert lines.restore(len(content)) == f"{lines.path} is missing: its {len(content)} bytes are lost"


def test_damaged_lines_are_said_and_left(tmp_path: Path) -> None:
    lines, content = log(tmp_path)
    damaged = b"x" + content[1:]
    lines.path.write_bytes(damaged)
    assert lines.restore(len(content)) == f"{lines.path}:1 is damaged and left as it was"
    lines.path.write_bytes(b"x" * 30 + content[30:])
    said = lines.restore(len(content))
    assert said is not None
    assert said.startswith(f"{lines.path}:1")
    assert lines.path.read_bytes() == b"x" * 30 + content[30:]


@pytest.mark.parametrize("kind", ["pipe", "folder", "away"])
def test_what_is_no_file_of_the_run_is_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "run" / "metrics.jsonl"
    path.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        (tmp_path / "other").write_text("{}\n")
        path.symlink_to(tmp_path / "other")
    with pytest.raises((DataError, DiskError), match=r"metrics\.jsonl"):
        JsonLines(path).restore(10)


def test_a_log_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, _ = log(tmp_path)
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    lines.sync()
    assert synced == [str(lines.path)]
    JsonLines(tmp_path / "none.jsonl").sync()


def test_r6_half_a_line_is_removed_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, content = log(tmp_path)

    class Half:
        def __init__(self, path: Path, mode: str) -> None:
            self._file = Path(path).open(mode)  # noqa: SIM115

        def __enter__(self) -> Half:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, line: bytes) -> None:
            self._file.write(line[: len(line) // 2])
            self._file.flush()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("gancli.training.logging.open", Half, raising=False)
    with pytest.raises(DiskError):
        lines.append({"images": 40})
    assert lines.path.read_bytes() == content
