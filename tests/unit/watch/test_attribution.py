import numpy as np
import pytest
from tests import naive
from tests.unit.watch.backgrounds import stream

from mumetal.watch.detectors.mahalanobis import Mahalanobis


def test_shapley_shares_are_those_of_the_definition() -> None:
    """For vᵀAv with absent channels at zero, over all 120 orders of five channels."""
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(2_000, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(2_000, 5))
    detector = Mahalanobis()
    series = stream(mixed)
    detector.fit(series)
    for row in (3, 500, 1_999):
        window = series.rows(row, row + 1)
        z, seen = detector.fitted(window).apply(window.values)
        assert seen is None
        d = z[0] - detector._centre
        t2 = detector._white @ detector._white.T
        q = np.eye(5) - detector._axes @ detector._axes.T
        candidates = [naive.quadratic_shapley(a, d) for a in (t2, q)]
        found = {a.channel: a.share for a in detector.attribute(window) if a.method == "shapley"}
        shares = []
        for value in candidates:
            positive = np.maximum(value, 0)
            shares.append({f"q{i}.canary_error": p / positive.sum() for i, p in enumerate(positive) if p > 0})
        assert any(found == pytest.approx(s, abs=1e-9) for s in shares)


def test_the_conditional_residual_names_the_channel_that_broke_the_pattern() -> None:
    """Thirty channels follow three sources; one departs from the pattern by less than its own spread."""
    rng = np.random.default_rng(1)
    pattern = rng.normal(size=(3, 30))
    values = rng.normal(size=(3_000, 3)) @ pattern + 0.2 * rng.normal(size=(3_000, 30))
    detector = Mahalanobis()
    detector.fit(stream(values))
    hits = 0
    for trial in range(200):
        row = rng.normal(size=3) @ pattern + 0.2 * rng.normal(size=30)
        channel = int(rng.integers(30))
        row[channel] += 1.5
        found = [a for a in detector.attribute(stream(row[None])) if a.method == "conditional-residual"]
        hits += found[0].channel == f"q{channel}.canary_error"
        assert trial < 200
    assert hits >= 190
