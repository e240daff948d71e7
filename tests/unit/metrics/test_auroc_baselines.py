"""Principal components and nearest neighbours, compared with known results."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from gancli.metrics import auroc
from gancli.metrics.auroc import nearest_distance, pca_error


def images(count: int, *, seed: int, shape: tuple[int, ...] = (1, 6, 6)) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("count", [20, 200])
def test_the_error_is_that_of_scikit_learn(count: int) -> None:
    """Also with fewer images than values per image."""
    known, shown = images(count, seed=0), images(7, seed=1)
    flat = shown.flatten(1).double().numpy()
    reference = PCA(5, svd_solver="full").fit(known.flatten(1).double().numpy())
    missing = flat - reference.inverse_transform(reference.transform(flat))
    assert np.allclose(pca_error(known, shown, components=5).numpy(), (missing**2).mean(1), rtol=1e-9)


def test_many_numbers_take_axes_from_evenly_spaced_images(monkeypatch: pytest.MonkeyPatch) -> None:
    known, shown = images(40, seed=0), images(3, seed=1)
    mean = known.mean(0, keepdim=True)
    known = torch.cat([known, 2 * mean - known])  # so that every half of it has the same mean
    monkeypatch.setattr(auroc, "PCA_IMAGES", 10)
    few = pca_error(known, shown, components=4)
    rows = known.flatten(1).double()[torch.arange(10) * 8]
    centre = known.flatten(1).double().mean(0)
    axes = torch.linalg.svd(rows - centre, full_matrices=False).Vh[:4].T
    rest = shown.flatten(1).double() - centre
    expected = (rest - rest @ axes @ axes.T).square().mean(1)
    assert torch.allclose(few, expected, rtol=1e-9)


def test_what_lies_in_the_span_of_few_images_is_explained() -> None:
    known = images(3, seed=0)
    mixed = 0.2 * known[:1] + 0.5 * known[1:2] + 0.3 * known[2:]
    assert pca_error(known, mixed, components=20).item() == pytest.approx(0, abs=1e-12)
    assert pca_error(known, -mixed, components=20).item() > 1e-3


def test_the_nearest_is_found() -> None:
    known = torch.zeros(3, 1, 2, 2)
    known[1], known[2] = 1, -2
    shown = torch.stack([known[1], known[1] + torch.tensor([[0.3, 0.0], [0.0, 0.4]])])
    assert nearest_distance(known, shown).tolist() == pytest.approx([0, 0.5], abs=1e-6)
