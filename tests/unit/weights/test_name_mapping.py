"""Tensor names of other programs: rules, prefixes, and names without a counterpart."""

from __future__ import annotations

import pytest
import torch

from gancli.errors import UsageError
from gancli.weights.name_mapping import NameMapping, listed, match, shape_differences

OURS = ["generator.head.weight", "generator.body.0.conv.weight", "generator.body.1.conv.weight"]


@pytest.mark.parametrize(
    ("ours", "theirs", "name", "called"),
    [
        ("generator.head.weight", "conv1.w", "generator.head.weight", "conv1.w"),
        ("generator.head", "conv1", "generator.head.weight", "conv1.weight"),
        ("generator.body.{i}", "residual{i}", "generator.body.7.conv.weight", "residual7.conv.weight"),
        ("generator.body.{i}.conv", "block{i+2}.0", "generator.body.7.conv.weight", "block9.0.weight"),
        ("generator.body.{i}.conv", "block{i-2}.0", "generator.body.7.conv.weight", "block5.0.weight"),
        ("generator.{a}.{b}", "{b}.{a}", "generator.body.7.conv.weight", "7.body.conv.weight"),
    ],
)
def test_rules(ours: str, theirs: str, name: str, called: str) -> None:
    assert NameMapping({ours: theirs}).candidates(name) == [called]


def test_a_rule_is_of_whole_parts_and_the_first_that_fits_counts() -> None:
    rules = NameMapping(
        {"generator.body.{i}.conv": "a{i}", "generator.body": "b", "generator.he": "c", "generator.h.ad": "d"}
    )
    assert rules.candidates("generator.body.3.conv.weight") == ["a3.weight"]
    assert rules.candidates("generator.body.3.norm.weight") == ["b.3.norm.weight"]
    assert rules.candidates("generator.head.weight") == ["generator.head.weight", "head.weight"]


def test_a_placeholder_of_theirs_alone_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\{j\} is only in 'b\{j\}'"):
        NameMapping({"a.{i}": "b{j}"})


@pytest.mark.parametrize("prefix", ["", "module.", "state_dict.", "checkpoint.params_ema."])
def test_prefixes_are_found(prefix: str) -> None:
    theirs = [prefix + name.removeprefix("generator.") for name in OURS] + ["epoch.count"]
    matched = match([*OURS, "critic.weight"], theirs, NameMapping({}))
    assert matched.prefix == prefix
    assert list(matched.names) == OURS
    assert matched.missing == []
    assert matched.absent == ["critic"]
    assert matched.unused == ([] if prefix else ["epoch.count"])


def test_weights_that_are_there_twice_need_a_choice() -> None:
    theirs = [f"{prefix}.{name}" for name in OURS for prefix in ("live", "averaged")]
    with pytest.raises(UsageError, match="more than once, under 'averaged', 'live'"):
        match(OURS, theirs, NameMapping({}))
    assert match(OURS, theirs, NameMapping({}), prefix="averaged").names[OURS[0]] == f"averaged.{OURS[0]}"


def test_a_network_in_part_is_missing_the_rest() -> None:
    matched = match(OURS, ["head.weight", "body.0.conv.weight", "body.2.conv.weight"], NameMapping({}))
    assert matched.missing == ["generator.body.1.conv.weight"]
    assert matched.unused == ["body.2.conv.weight"]
    assert listed(matched.missing, matched.unused) == "generator.body.1.conv.weight (closest: body.2.conv.weight)"
    assert listed(map(str, range(7))) == "0, 1, 2, 3, 4 and 2 more"


def test_shapes_and_kinds_that_differ() -> None:
    wanted = {"a": torch.ones(2, 3), "b": torch.ones(()), "c": torch.ones(1), "d": torch.ones(1)}
    found = {
        "a": torch.ones(3, 2),
        "b": torch.ones(1),
        "c": torch.ones(1, dtype=torch.int64),
        "d": torch.ones(1).half(),
    }
    assert shape_differences(wanted, found) == [
        "a is 3x2 in the file and 2x3 here",
        "b is 1 in the file and a scalar here",
        "c is torch.int64 in the file and torch.float32 here",
    ]


def test_names_of_renamed_networks_may_be_the_old_ones() -> None:
    renamed = {"maker": "generator"}
    mapping = NameMapping({"maker.head": "conv1"}, renamed)
    theirs = ["conv1.weight", *(name.replace("generator", "maker") for name in OURS[1:])]
    assert match(OURS, theirs, mapping).names == dict(zip(OURS, theirs, strict=True))
