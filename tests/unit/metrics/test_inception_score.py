"""Inception Score, compared with known values and with torch-fidelity."""

from __future__ import annotations

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from gancli.errors import DataError
from gancli.metrics.inception_score import inception_score

SURE = 1e4


@pytest.mark.parametrize("classes", [2, 10])
def test_sure_of_every_class_alike_is_the_number_of_classes(classes: int) -> None:
    logits = SURE * torch.eye(classes).repeat(20, 1)
    found = inception_score(logits, splits=4)
    assert found.mean == pytest.approx(classes, rel=1e-9)
    assert found.spread == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("logits", [torch.zeros(50, 7), torch.tensor([[SURE, 0.0, 0.0]]).repeat(50, 1)])
def test_the_same_answer_to_all_is_1(logits: torch.Tensor) -> None:
    assert inception_score(logits).mean == pytest.approx(1, rel=1e-12)


def test_half_sure_has_a_closed_form() -> None:
    """Alternating predictions (p, 1 - p) and (1 - p, p) have the marginal one half."""
    p = torch.tensor(0.8, dtype=torch.float64)
    logits = torch.stack([torch.stack([p, 1 - p]), torch.stack([1 - p, p])]).log().repeat(30, 1)
    divergence = p * (2 * p).log() + (1 - p) * (2 * (1 - p)).log()
    assert inception_score(logits, splits=5).mean == pytest.approx(float(divergence.exp()), rel=1e-12)


def test_it_agrees_with_torch_fidelity() -> None:
    logits = 3 * torch.randn(503, 12, generator=torch.Generator().manual_seed(0))
    theirs = isc_features_to_metric(logits, splits=10, shuffle=False)
    ours = inception_score(logits)
    assert ours.mean == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert ours.spread == pytest.approx(theirs["inception_score_std"], rel=1e-9)


def test_fewer_samples_than_parts_are_refused() -> None:
    with pytest.raises(DataError, match=r"at least 10 samples.*--samples"):
        inception_score(torch.zeros(9, 3))
