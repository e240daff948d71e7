"""AUROC, average precision and F1: closed forms, ties, and results of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from gancli.errors import DataError
from gancli.metrics.auroc import auroc, average_precision, best_f1


def ranked(*truth: int, scores: list[float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and ground truth, from the highest score down."""
    values = list(range(len(truth), 0, -1)) if scores is None else scores
    return np.array(values, dtype=np.float64), np.array(truth, dtype=bool)


def test_perfect_and_reversed() -> None:
    perfect, reversed_ = ranked(1, 1, 0, 0), ranked(0, 0, 1, 1)
    assert auroc(*perfect) == average_precision(*perfect) == best_f1(*perfect).f1 == 1
    assert best_f1(*perfect).threshold == 2.5
    assert auroc(*reversed_) == 0
    assert average_precision(*reversed_) == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_one_pair_out_of_order() -> None:
    """Anomalous at ranks 1 and 3 of 4: three of the four pairs are in order."""
    case = ranked(1, 0, 1, 0)
    assert auroc(*case) == 0.75
    assert average_precision(*case) == pytest.approx((1 + 2 / 3) / 2)
    assert best_f1(*case) == (pytest.approx(0.8), 1.5)


def test_ties_count_half_and_have_no_order() -> None:
    scores = [2.0, 1.0, 1.0, 0.0]
    for truth in ((1, 1, 0, 0), (1, 0, 1, 0)):
        case = ranked(*truth, scores=scores)
        assert auroc(*case) == (1 + 1 + 1 + 0.5) / 4
        assert average_precision(*case) == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_are_chance() -> None:
    scores, truth = ranked(1, 0, 0, 0, scores=[3.0] * 4)
    assert auroc(scores, truth) == 0.5
    assert average_precision(scores, truth) == 0.25
    f1, threshold = best_f1(scores, truth)
    assert f1 == pytest.approx(2 * 0.25 / 1.25)
    assert threshold == 2


@pytest.mark.parametrize("levels", [3, 20, 10**9], ids=["many ties", "some ties", "hardly any"])
def test_as_scikit_learn_has_it(levels: int) -> None:
    stream = np.random.default_rng(levels)
    for count in (2, 5, 100, 1000):
        scores = stream.integers(levels, size=count) / levels
        truth = stream.random(count) < 0.3
        truth[:2] = True, False
        assert auroc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
        assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores))
        precision, recall, _ = precision_recall_curve(truth, scores)
        best = best_f1(scores, truth)
        assert best.f1 == pytest.approx(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))
        called = scores > best.threshold
        assert best.f1 == pytest.approx(2 * (called & truth).sum() / (called.sum() + truth.sum()))


def test_only_the_order_counts() -> None:
    stream = np.random.default_rng(0)
    scores, truth = stream.normal(size=50), stream.random(50) < 0.5
    for monotonous in (np.exp(scores), scores * 1e-6 + 5, np.argsort(np.argsort(scores)).astype(float)):
        assert auroc(monotonous, truth) == pytest.approx(auroc(scores, truth))
        assert average_precision(monotonous, truth) == pytest.approx(average_precision(scores, truth))
        assert best_f1(monotonous, truth).f1 == pytest.approx(best_f1(scores, truth).f1)
    assert auroc(-scores, truth) == pytest.approx(1 - auroc(scores, truth))


def test_what_cannot_be_ranked() -> None:
    for measure in (auroc, average_precision, best_f1):
        with pytest.raises(DataError, match="requires both kinds"):
            measure(*ranked(1, 1))
        with pytest.raises(DataError, match="all 3 images are normal"):
            measure(*ranked(0, 0, 0))
        with pytest.raises(DataError, match="not finite"):
            measure(*ranked(1, 0, scores=[np.nan, 1.0]))
