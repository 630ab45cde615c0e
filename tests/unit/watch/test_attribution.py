import numpy as np
import pytest
from tests import naive
from tests.unit.watch.backgrounds import stream

from mumetal.core.series import Series
from mumetal.watch.attribution import carried
from mumetal.watch.detectors.mahalanobis import Mahalanobis
from mumetal.watch.detectors.standard import Scale
from mumetal.watch.ensemble import Ensemble


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


def _named(history: Series, window: Series, most: int) -> set[str]:
    found = [a for a in carried(Scale(history), history, window) if a.method == "inclusion"]
    return {a.channel for a in found[:most]}


@pytest.mark.parametrize("kind", ["shift", "gain", "freeze", "decorrelate"])
def test_the_mixture_names_two_channels_that_were_changed(kind: str) -> None:
    """Twelve channels follow three sources with memory, four each; two are changed for forty rows.

    They share a source, so that each hides the other, but where both repeat their past: then half of the four would speak
    against the other half, and which half is right nobody could say.
    """
    rng = np.random.default_rng(3)
    sources = np.empty((3_000, 3))
    level = np.zeros(3)
    for row in range(3_000):
        level = sources[row] = 0.8 * level + rng.normal(size=3)
    values = np.repeat(sources, 4, axis=1) + 0.3 * rng.normal(size=(3_000, 12))
    history, right = stream(values[:2_000]), 0
    for trial in range(20):
        stop = 2_200 + 35 * trial
        now, at = values[:stop].copy(), slice(stop - 40, stop)
        pair = [4 * (trial % 3), (4 * (trial % 3) + (5 if kind == "decorrelate" else 1 + trial % 2)) % 12]
        if kind == "shift":
            now[at, pair] += 3.0
        elif kind == "gain":
            now[at, pair] *= 3.0
        elif kind == "freeze":
            now[at, pair] = now[stop - 40, pair]
        else:
            now[at, pair] = values[stop - 190 : stop - 150, pair]
        window = stream(now[-200:])
        right += _named(history, window, 2) == {f"q{c}.canary_error" for c in pair}
    assert right >= 18


def test_the_residual_and_the_shapley_value_are_there_for_a_finding_of_any_general_detector() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(5_000, 6))
    ensemble = Ensemble(stream(values))
    now = values[-300:].copy()
    now[-20:, 2] += 8.0
    asked = [i for i, m in enumerate(ensemble.members) if m.detector.joint]
    assert {ensemble.members[i].family for i in asked} == {"level", "shape"}
    assert len(asked) == 6
    for member in asked:
        found = ensemble.attribute(member, stream(now), stream(values))
        assert {a.method for a in found[:1]} == {"inclusion"}
        assert {a.method for a in found} == {"inclusion", "conditional-residual", "shapley"}
        assert found[0].channel == "q2.canary_error"
        for method in ("inclusion", "conditional-residual", "shapley"):
            assert sum(a.share for a in found if a.method == method) <= 1 + 1e-9


def test_a_channel_that_is_not_observed_is_not_named() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(1_000, 4))
    now = values[-100:].copy()
    now[-40:, 1] = np.nan
    now[-10:, 3] += 6.0
    assert _named(stream(values), stream(now), 1) == {"q3.canary_error"}
    assert "q1.canary_error" not in _named(stream(values), stream(now), 4)


def test_of_many_channels_the_farthest_are_looked_at() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(600, 300))
    now = values[-80:].copy()
    now[-40:, 250] = now[-40, 250]
    now[-40:, 7] += 4.0
    assert _named(stream(values), stream(now), 2) == {"q7.canary_error", "q250.canary_error"}


def test_rows_too_few_for_any_average_still_have_an_answer() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(40, 3))
    assert _named(stream(values), stream(np.array([[0.1, 9.0, -0.2]])), 1) == {"q1.canary_error"}
