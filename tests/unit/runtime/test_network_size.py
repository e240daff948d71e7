"""Networks are counted without memory, and refused before they are built."""

from __future__ import annotations

import itertools
import resource

import pytest
import torch
from torch import nn

from gancli.errors import UsageError
from gancli.plugins.registry import registry
from gancli.runtime import memory
from gancli.runtime.network_size import TooLargeError, check_trainable, count_parameters
from gancli.testing.fixture import DATA, FamilyFixture

CPU = torch.device("cpu")


def build(*widths: int):
    return lambda: {"net": nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(widths)))}


def test_parameters_are_counted_without_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert count_parameters(build(10, 20, 30), max_parameters=10**6, max_modules=100) == 11 * 20 + 21 * 30
    assert count_parameters(build(10**6, 10**6), max_parameters=10**13, max_modules=100) == 10**12 + 10**6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_the_random_stream_is_that_before() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    count_parameters(build(10, 20), max_parameters=10**6, max_modules=100)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("widths", [(10**5, 10**5), (10**10, 10**10), (4, *[4] * 1_000)])
def test_building_stops_at_the_limit(widths: tuple[int, ...]) -> None:
    with pytest.raises(TooLargeError):
        count_parameters(build(*widths), max_parameters=10**6, max_modules=500)


@pytest.mark.parametrize("name", sorted(registry().families()))
def test_every_family_is_counted_as_it_is_built(name: str) -> None:
    family = FamilyFixture(registry().family(name), {}, DATA).make()
    built = sum(parameter.numel() for module in family.build().values() for parameter in module.parameters())
    assert count_parameters(family.build, max_parameters=10**9, max_modules=10**6) >= built


def test_what_does_not_fit_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda device: 20_000_000)  # enough for a million parameters
    check_trainable(build(100, 9_000), CPU, options={})
    with pytest.raises(UsageError) as caught:
        check_trainable(build(100, 10_000), CPU, options={"model.channels": 10_000})
    assert str(caught.value) == (
        "the networks have at least 1,010,000 parameters, which take 0.02 GB in training, but 0.02 GB of memory are "
        "free; lower model.channels=10000, or data.resolution"
    )
    with pytest.raises(UsageError, match="lower the options of model:"):
        check_trainable(build(100, 10_000), CPU, options={})
    with pytest.raises(UsageError, match=r"the networks have more than 20,000 layers; lower model.blocks=30000"):
        check_trainable(build(*[1] * 30_000), CPU, options={"model.blocks": 30_000})


def test_a_system_that_reports_no_memory_refuses_nothing_that_fits_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda device: None)
    check_trainable(build(10**5, 10**5), CPU, options={})
    memory.require(10**18, "many images", "--count")


def test_require_names_what_is_needed_and_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda device: 2_000_000_000)
    memory.require(2_000_000_000, "many images", "--count")
    with pytest.raises(UsageError) as caught:
        memory.require(3_000_000_000, "1,000 images of 3x1000x1000", "--count")
    assert str(caught.value) == (
        "1,000 images of 3x1000x1000 take at least 3.0 GB, but 2.0 GB of memory are free; lower --count"
    )
