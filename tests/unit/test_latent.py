from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from gancli.family import Nets
from gancli.latent import (
    PATHS,
    LatentSampler,
    angle,
    frame_positions,
    label_weights,
    lerp,
    noise,
    segments,
    slerp,
    walk,
)
from gancli.testing.fixture import context

SHAPES = [(5, 64), (5, 3, 4, 4), (5, 2), (5, 1)]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def between(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Interpolate from a to b (D,) in equal steps, in float64."""
    t = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    return slerp(a.double().expand(steps + 1, -1), b.double().expand(steps + 1, -1), t)


def angles(points: Tensor) -> Tensor:
    """Return the angle between each of the points (N, D) and the next, by the arc cosine."""
    unit = points / points.norm(dim=1, keepdim=True)
    return (unit[1:] * unit[:-1]).sum(1).clamp(-1, 1).acos()


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_noise_has_mean_0_and_variance_1(kind) -> None:
    numbers = noise(kind, 1000, 100, context())
    error = 1 / math.sqrt(numbers.numel())
    assert abs(numbers.mean().item()) < 5 * error
    assert abs(numbers.var().item() - 1) < 5 * math.sqrt(2) * error  # the variance of normal numbers varies most


def test_label_weights_are_one_hot_or_as_given() -> None:
    assert label_weights(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    halves = torch.tensor([[0.5, 0.5, 0.0]])
    assert label_weights(halves, 3) is halves


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", PATHS)
def test_end_points_are_exact(path: str, shape: tuple[int, ...]) -> None:
    a, b = draw(*shape), 7 * draw(*shape, seed=1)
    way, _ = PATHS[path]
    for t, end in ((0.0, a), (1.0, b)):
        reached = way(a, b, torch.full((len(a),), t))
        assert torch.equal(reached, end)
        assert reached.dtype == a.dtype


def test_unit_vectors_stay_on_the_sphere() -> None:
    a, b = (torch.nn.functional.normalize(draw(1000, 16, seed=seed).double(), dim=1) for seed in (0, 1))
    t = torch.rand(1000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.allclose(slerp(a, b, t).norm(dim=1), torch.ones(1000, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_angle_grows_evenly_and_so_does_the_length() -> None:
    a, b = draw(16).double(), 3 * draw(16, seed=1).double()
    points = between(a, b, 20)
    steps = angles(points)
    assert torch.allclose(steps, steps.mean().expand(20), rtol=0, atol=1e-7)
    assert steps.sum().item() == pytest.approx(angle(a[None], b[None]).item(), abs=1e-7)
    lengths = points.norm(dim=1)
    assert torch.allclose(lengths.diff(), ((b.norm() - a.norm()) / 20).expand(20), rtol=0, atol=1e-12)


def test_a_right_angle_has_its_middle_on_the_diagonal() -> None:
    middle = slerp(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([0.5]))
    assert middle.tolist() == [[pytest.approx(math.sqrt(2)), pytest.approx(math.sqrt(2))]]


@pytest.mark.parametrize("off", [0.0, 1e-14, 1e-9, 1e-5])
def test_opposite_vectors_are_joined_by_half_a_circle(off: float) -> None:
    a = draw(16).double()
    points = between(a, -a + off * draw(16, seed=1).double(), 12)
    assert torch.allclose(angles(points), torch.full((12,), math.pi / 12, dtype=torch.float64), rtol=0, atol=1e-4)
    assert points.norm(dim=1).allclose(a.norm(), atol=1e-4)


@pytest.mark.parametrize("off", [0.0, 1e-14, 1e-9])
def test_parallel_vectors_differ_in_length_alone(off: float) -> None:
    a = draw(16).double()
    b = 2 * a + off * draw(16, seed=1).double()
    assert torch.allclose(between(a, b, 4), torch.stack([a * (1 + step / 4) for step in range(5)]), rtol=0, atol=1e-8)


def test_a_zero_vector_and_a_single_number_have_a_straight_way() -> None:
    ahead, half = torch.tensor([[3.0, 4.0]]), torch.tensor([0.5])
    for way in (slerp, lerp):
        assert torch.allclose(way(torch.zeros(1, 2), ahead, half), ahead / 2)
        assert torch.allclose(way(ahead, torch.zeros(1, 2), half), ahead / 2)
        assert way(torch.zeros(1, 2), torch.zeros(1, 2), half).tolist() == [[0, 0]]
        assert way(torch.tensor([[2.0]]), torch.tensor([[-1.0]]), half).tolist() == [[0.5]]


def test_small_and_large_angles_are_exact() -> None:
    for wanted in (1e-9, 1e-3, 1.0, math.pi - 1e-9):
        b = torch.tensor([[math.cos(wanted), math.sin(wanted)]], dtype=torch.float64)
        found = angle(torch.tensor([[1.0, 0.0]], dtype=torch.float64), b).item()
        assert found == pytest.approx(wanted, rel=1e-6, abs=0)


@pytest.mark.parametrize("loop", [False, True])
def test_a_walk_hits_every_key_exactly(loop: bool) -> None:
    keys = draw(4, 3, 5)
    places = frame_positions(angle(*segments(keys, loop=loop)), 50, loop=loop)
    points = walk(keys, places, loop=loop)
    assert points.shape == (50, 3, 5)
    hits = [index for index, place in enumerate(places.tolist()) if place.is_integer()]
    assert torch.equal(points[hits], keys)
    assert hits[0] == 0
    assert (hits[-1] == 49) != loop


def test_frames_go_where_the_way_is_long() -> None:
    places = frame_positions(torch.tensor([1.0, 3.0, 2.0]), 61, loop=False)
    steps = places.diff()
    assert torch.allclose(steps[:10], torch.tensor(1 / 10, dtype=torch.float64))
    assert torch.allclose(steps[10:40], torch.tensor(1 / 30, dtype=torch.float64))
    assert torch.allclose(steps[40:], torch.tensor(1 / 20, dtype=torch.float64))


def test_no_step_can_be_made_shorter() -> None:
    """No other distribution of the steps has a shorter longest step."""
    lengths = torch.tensor([1.3, 0.0, 2.9, 0.7])
    places = frame_positions(lengths, 15, loop=False)[:-1].tolist()
    counts = [sum(int(place) == index for place in places) for index in range(4)]
    assert sum(counts) == 14
    longest = max(length / count for length, count in zip(lengths.tolist(), counts, strict=True))
    splits = [(a, b, c, 14 - a - b - c) for a in range(1, 12) for b in range(1, 12) for c in range(1, 12)]
    best = min(
        max(length / count for length, count in zip(lengths.tolist(), split, strict=True))
        for split in splits
        if split[3] > 0
    )
    assert longest == pytest.approx(best)


def test_the_least_walk_is_its_keys() -> None:
    assert frame_positions(torch.tensor([5.0, 1.0]), 3, loop=False).tolist() == [0, 1, 2]
    assert frame_positions(torch.tensor([5.0, 1.0]), 2, loop=True).tolist() == [0, 1]
    with pytest.raises(ValueError, match="fewer"):
        frame_positions(torch.tensor([5.0, 1.0]), 2, loop=False)


def test_labels_are_walked_in_straight_lines() -> None:
    weights = label_weights(torch.tensor([0, 2]), 3)
    middle = walk(weights, torch.tensor([0.25]), loop=False, between=lerp)
    assert middle.tolist() == [[0.75, 0.0, 0.25]]


@pytest.mark.parametrize(("options", "kind"), [({}, "normal"), ({"noise": "uniform"}, "uniform")])
def test_a_latent_sampler_reads_the_options_of_its_family(options: dict[str, str], kind) -> None:
    sampler = LatentSampler()
    sampler.config = SimpleNamespace(latent_dim=3, **options)
    z = sampler.latent(5, context())
    assert torch.equal(z, noise(kind, 5, 3, context()))
    assert torch.equal(sampler.sample(Nets({"generator": nn.Flatten()}), z), z)
