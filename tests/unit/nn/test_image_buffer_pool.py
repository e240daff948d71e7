"""The pool compared with the authors' implementation, image by image."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gancli.nn.image_buffer import ImagePool
from gancli.testing.fixture import context

SHAPE = (1, 2, 2)


def numbered(first: int, count: int) -> Tensor:
    """Return images whose pixels are the number of the image."""
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, *SHAPE)


def numbers(images: Tensor) -> list[int]:
    return [int(image.unique().item()) for image in images]


def plain(capacity: int, arriving: list[int], chances: list[float], places: list[float]) -> list[int]:
    """Plain implementation with a list."""
    kept: list[int] = []
    handed = []
    for new, chance, place in zip(arriving, chances, places, strict=True):
        if len(kept) < capacity:
            kept.append(new)
            handed.append(new)
        elif chance > 0.5:
            slot = int(place * capacity)
            handed.append(kept[slot])
            kept[slot] = new
        else:
            handed.append(new)
    return handed


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_it_does_what_the_authors_list_does(batch: int) -> None:
    pool, ctx, twin = ImagePool(5, SHAPE), context(), context()
    handed, expected, chances, places = [], [], [], []
    for start in range(0, 10 * batch, batch):
        handed += numbers(pool(numbered(start, batch), ctx))
        chances += twin.rand(batch).tolist()
        places += twin.rand(batch).tolist()
    expected = plain(5, list(range(10 * batch)), chances, places)
    assert handed == expected


def test_the_first_images_pass_and_half_of_the_later_ones_are_exchanged() -> None:
    pool, ctx, count = ImagePool(50, SHAPE), context(), 2_000
    assert numbers(pool(numbered(0, 50), ctx)) == list(range(50))
    later = numbers(pool(numbered(50, count), ctx))
    exchanged = sum(handed != arrived for handed, arrived in zip(later, range(50, 50 + count), strict=True))
    assert abs(exchanged - count / 2) < 5 * math.sqrt(count / 4)


def test_nothing_is_lost_or_doubled() -> None:
    """Every image is either returned or stored, or both while the pool is filling."""
    pool, ctx = ImagePool(5, SHAPE), context()
    handed = numbers(pool(numbered(0, 5), ctx)) + numbers(pool(numbered(5, 40), ctx))
    assert sorted([*handed, *numbers(pool.images)]) == sorted([*range(5), *range(45)])


def test_images_are_cut_from_the_graph_and_kept_exactly() -> None:
    pool, ctx = ImagePool(3, SHAPE), context()
    images = torch.randn(3, *SHAPE, requires_grad=True)
    handed = pool(images, ctx)
    assert not handed.requires_grad
    assert torch.equal(pool.images, images.detach())
    with torch.no_grad():
        images.zero_()
    assert pool.images.abs().min() > 0


def test_a_restored_pool_goes_on_exactly() -> None:
    first, ctx = ImagePool(4, SHAPE), context()
    first(numbered(0, 6), ctx)
    second, twin = ImagePool(4, SHAPE), context()
    second.load_state_dict(first.state_dict())
    twin.generator.set_state(ctx.generator.get_state())
    assert torch.equal(first(numbered(6, 20), ctx), second(numbered(6, 20), twin))


def test_the_random_stream_does_not_depend_on_how_full_it_is() -> None:
    empty, full, one, other = ImagePool(50, SHAPE), ImagePool(1, SHAPE), context(), context()
    empty(numbered(0, 8), one)
    full(numbered(0, 8), other)
    assert torch.equal(one.rand(4), other.rand(4))


def test_without_a_capacity_every_image_passes_by() -> None:
    assert numbers(ImagePool(0, SHAPE)(numbered(0, 9), context())) == list(range(9))


def test_it_is_state_and_nothing_to_learn() -> None:
    pool = ImagePool(2, SHAPE)
    assert not list(pool.parameters())
    assert set(pool.state_dict()) == {"images", "count"}
