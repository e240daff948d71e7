"""The buffer compared with an implementation that uses a dictionary, image by image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gancli.nn.image_buffer import HistoryBuffer
from gancli.testing.fixture import context

SHAPE = (1, 2, 2)


def numbered(first: int, count: int) -> Tensor:
    """Return images whose pixels are the number of the image."""
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, *SHAPE)


def numbers(images: Tensor) -> list[int]:
    return [int(image.unique().item()) for image in images]


def plain(kept: dict[int, int], arriving: list[int], half: int, keys: list[float], others: list[float]) -> list[int]:
    """Plain implementation: `kept` has an image by slot, and slots with smaller keys are chosen first."""
    drawn = [kept[place] for place in sorted(kept, key=keys.__getitem__)[:half]]
    passing = arriving[: len(arriving) - half]
    free = [place for place in range(len(keys)) if place not in kept]
    places = [*free, *sorted(kept, key=others.__getitem__)]
    kept.update(zip(places, arriving[:half], strict=False))
    return [*passing, *drawn, *arriving[len(passing) + len(drawn) :]]


@pytest.mark.parametrize(("capacity", "batch"), [(12, 8), (10, 7), (5, 8), (3, 8), (40, 6), (1, 2)])
def test_it_does_what_a_dictionary_does(capacity: int, batch: int) -> None:
    buffer, ctx, twin = HistoryBuffer(capacity, SHAPE), context(), context()
    kept: dict[int, int] = {}
    for start in range(0, 12 * batch, batch):
        handed = numbers(buffer(numbered(start, batch), ctx))
        keys, others = twin.rand(capacity).tolist(), twin.rand(capacity).tolist()
        expected = plain(kept, list(range(start, start + batch)), min(batch // 2, capacity), keys, others)
        assert handed == expected
        assert buffer.count.item() == len(kept) <= capacity
        assert numbers(buffer.images[: len(kept)]) == [kept[place] for place in range(len(kept))]


@pytest.mark.parametrize("batch", [2, 8, 9])
def test_only_new_images_at_first_then_exactly_half(batch: int) -> None:
    buffer, ctx = HistoryBuffer(20, SHAPE), context()
    assert numbers(buffer(numbered(0, batch), ctx)) == list(range(batch))
    for start in range(batch, 10 * batch, batch):
        handed = numbers(buffer(numbered(start, batch), ctx))
        new = [number for number in handed if number >= start]
        assert new == list(range(start, start + batch - batch // 2))
        assert len(set(handed)) == batch


def test_every_call_replaces_half_a_batch_by_the_new_images_it_showed() -> None:
    buffer, ctx = HistoryBuffer(12, SHAPE), context()
    for start in range(0, 32, 8):
        buffer(numbered(start, 8), ctx)
    before = set(numbers(buffer.images))
    buffer(numbered(100, 8), ctx)
    after = set(numbers(buffer.images))
    assert after - before == {100, 101, 102, 103}
    assert len(before - after) == 4


def test_every_place_is_as_likely_to_be_drawn_and_to_be_replaced() -> None:
    """600 calls with a third of the slots each: 200 times per slot, with a standard deviation of 12."""
    buffer, ctx, rounds = HistoryBuffer(12, SHAPE), context(), 600
    for start in range(0, 24, 8):
        buffer(numbered(start, 8), ctx)
    drawn, replaced = torch.zeros(12), torch.zeros(12)
    for number in range(rounds):
        before = numbers(buffer.images)
        handed = numbers(buffer(numbered(1_000 + 8 * number, 8), ctx))
        for place, (old, new) in enumerate(zip(before, numbers(buffer.images), strict=True)):
            drawn[place] += old in handed[4:]
            replaced[place] += old != new
    deviation = (rounds * (1 / 3) * (2 / 3)) ** 0.5
    assert (drawn - rounds / 3).abs().max() < 5 * deviation
    assert (replaced - rounds / 3).abs().max() < 5 * deviation


def test_images_are_cut_from_the_graph_and_kept_exactly() -> None:
    buffer, ctx = HistoryBuffer(3, SHAPE), context()
    images = torch.randn(6, *SHAPE, requires_grad=True)
    kept = images.detach()[:3].clone()
    assert not buffer(images, ctx).requires_grad
    with torch.no_grad():
        images.zero_()
    assert torch.equal(buffer.images, kept)


def test_a_restored_buffer_goes_on_exactly() -> None:
    first, ctx = HistoryBuffer(10, SHAPE), context()
    first(numbered(0, 6), ctx)
    second, twin = HistoryBuffer(10, SHAPE), context()
    second.load_state_dict(first.state_dict())
    twin.generator.set_state(ctx.generator.get_state())
    for start in range(6, 60, 6):
        assert torch.equal(first(numbered(start, 6), ctx), second(numbered(start, 6), twin))
    assert torch.equal(first.images, second.images)


def test_the_random_stream_does_not_depend_on_how_full_it_is() -> None:
    empty, full, one, other = HistoryBuffer(8, SHAPE), HistoryBuffer(8, SHAPE), context(), context()
    full(numbered(0, 16), context(1))
    empty(numbered(0, 8), one)
    full(numbered(0, 8), other)
    assert torch.equal(one.rand(4), other.rand(4))


@pytest.mark.parametrize(("capacity", "batch"), [(0, 8), (8, 1)])
def test_without_a_capacity_or_with_one_image_everything_passes_by(capacity: int, batch: int) -> None:
    buffer, ctx = HistoryBuffer(capacity, SHAPE), context()
    for start in range(0, 3 * batch, batch):
        assert numbers(buffer(numbered(start, batch), ctx)) == list(range(start, start + batch))
    assert buffer.count.item() == 0


def test_images_keep_their_precision() -> None:
    buffer, ctx = HistoryBuffer(4, SHAPE), context()
    for _ in range(2):
        assert buffer(torch.ones(4, *SHAPE, dtype=torch.bfloat16), ctx).dtype == torch.bfloat16
    assert buffer.images.dtype == torch.float32


def test_it_is_state_and_nothing_to_learn() -> None:
    buffer = HistoryBuffer(2, SHAPE)
    assert not list(buffer.parameters())
    assert set(buffer.state_dict()) == {"images", "count"}
