from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from gancli.errors import DiskError
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
