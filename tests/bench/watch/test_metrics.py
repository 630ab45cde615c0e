"""Metrics agree with their slow twins and cannot be gamed."""

import numpy as np
import pytest
from tests import naive

from bench.watch import metrics
from bench.watch.metrics import Desk


def drawn(seed: int, n: int = 150) -> tuple[metrics.Labels, metrics.Array]:
    rng = np.random.default_rng(seed)
    labels = np.zeros(n, bool)
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(0, n - 5))
        labels[start : start + int(rng.integers(1, 30))] = True
    scores = rng.normal(size=n) + labels
    return labels, np.round(scores, 1) if seed % 2 else scores


@pytest.mark.parametrize("seed", range(6))
def test_volume_agrees_with_the_definition(seed: int) -> None:
    labels, scores = drawn(seed)
    if seed == 0:
        labels[:3] = labels[-7:] = True
    assert metrics.vus_pr(labels, scores, 9) == pytest.approx(naive.vus_pr(labels, scores, 9), abs=1e-9)


def test_perfect_scores_rank_above_random_ones_and_random_ones_near_the_base_rate() -> None:
    rng = np.random.default_rng(3)
    labels = np.zeros(4_000, bool)
    labels[1_000:1_200] = labels[3_000:3_100] = True
    assert metrics.average_precision(labels, labels.astype(float)) == pytest.approx(1.0)
    assert metrics.vus_pr(labels, labels + 1e-9 * rng.random(4_000), 40) > 0.9
    assert metrics.vus_pr(labels, rng.random(4_000), 40) < 0.2


def test_a_monotone_change_of_scale_changes_nothing() -> None:
    labels, scores = drawn(2)
    assert metrics.vus_pr(labels, np.exp(scores), 20) == pytest.approx(metrics.vus_pr(labels, scores, 20))


def test_an_alarm_that_never_ends_is_counted_again_and_again() -> None:
    labels = np.zeros(1_000, bool)
    labels[500:510] = True
    found = metrics.outcome(labels, np.ones(1_000), 0.5, Desk(tolerance=0, gap=5, repage=100, deadline=50))
    assert (found.events, found.caught, found.delays) == (1, 1, (0,))
    assert found.false_alerts == 5 + 5
    assert found.ordinary == 990


def test_an_alert_after_the_deadline_catches_nothing_and_neighbours_are_one() -> None:
    labels = np.zeros(400, bool)
    labels[100:300] = True
    scores = np.zeros(400)
    scores[200] = scores[[20, 24, 50]] = 1
    found = metrics.outcome(labels, scores, 0.5, Desk(tolerance=10, gap=5, repage=100, deadline=50))
    assert found.caught == 0
    assert found.false_alerts == 2
    scores[149] = 1
    assert metrics.outcome(labels, scores, 0.5, Desk(tolerance=10, gap=5, repage=100, deadline=50)).delays == (49,)


def test_the_threshold_for_a_recall_catches_that_share() -> None:
    peaks = np.array([5.0, 1.0, 3.0, 2.0])
    assert metrics.threshold_for(peaks, 0.5) == 3.0
    assert metrics.threshold_for(peaks, 0.9) == 1.0


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        (np.zeros(5, bool), np.zeros(5)),
        (np.ones(5, bool), np.zeros(4)),
        (np.ones(3, bool), np.array([0.0, np.nan, 1.0])),
    ],
)
def test_refuses_what_cannot_be_judged(labels: metrics.Labels, scores: metrics.Array) -> None:
    with pytest.raises(ValueError, match=r"labels|labelled|finite"):
        metrics.vus_pr(labels, scores)
