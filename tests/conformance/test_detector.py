"""Every listed detector keeps every promise of the port."""

import copy
import functools
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from mumetal.app.models.encoders import shipped
from mumetal.core.errors import BadInputError
from mumetal.core.ports import Detector
from mumetal.core.series import Channel, Series
from mumetal.core.technique import Conditions
from mumetal.watch.contrastive.encoder import Encoder
from mumetal.watch.listed import DETECTORS

MODEL = shipped()
LISTED: list[tuple[str, Callable[[], Detector]]] = [*DETECTORS, (Encoder.info.plugin_id, lambda: Encoder(MODEL))]
EACH = pytest.mark.parametrize(("plugin_id", "make"), LISTED, ids=[i for i, _ in LISTED])
T0 = 1_760_000_000 * 10**9
CUTS = (0, 1, 3, 16, 16, 64, 257, 700, 1200)


def history_and_more(plugin_id: str, hz: float, seed: int = 0, rows: int = 2400) -> tuple[Series, Series]:
    """The first half to learn from, the second to score; missing values, a constant channel, a drifting one."""
    rng = np.random.default_rng(seed)
    slow = plugin_id.endswith((".identity", ".day_to_day"))
    names = ["q0.frequency", "q1.frequency", "q2.frequency", "q0.T1", "q1.T1", "q0.gate_length"]
    units = ["Hz", "Hz", "Hz", "s", "s", "s"]
    if not slow:
        names, units = ["timing.a", "timing.reference", "b", "c", "still", "rare"], ["s", "s", "K", "W", "1", "1"]
    values = rng.normal(size=(rows, 6))
    values[:, 3] = np.cumsum(rng.normal(size=rows)) * 0.02
    values[:, 4] = 7.0
    values[rng.random(rows) < 0.4, 5] = np.nan
    if slow:
        values[:, :3] = 5e9 + 1e8 * np.arange(3) + 2e4 * values[:, :3]
        values[:, 3:5] = 1e-4 * np.exp(0.25 * rng.normal(size=(rows, 2)))
        values[:, 5] = 1e-7
        values[::9, 0] = np.nan
    if plugin_id.endswith(".reset_leakage"):
        names = ["q0.shots_after_0", "q0.ones_after_0", "q0.shots_after_1", "q0.ones_after_1", "still", "rare"]
        units = ["1"] * 6
        values[:, [0, 2]] = rng.integers(50, 60, (rows, 2))
        values[:, [1, 3]] = rng.binomial(50, 0.1, (rows, 2))
    if plugin_id.endswith(".canary_rise"):
        names, units = [f"q{q}.canary_error" for q in range(6)], ["1"] * 6
    if plugin_id.endswith(".readout_correlation"):
        names, units = [f"q{q}.readout_residual" for q in range(6)], ["1"] * 6
    if plugin_id.endswith(".power_leakage"):
        names = ["awg.pulse_energy", "job", "rack.power", "em.band0", "still", "rare"]
        units = ["1", "1", "W", "V2", "1", "K"]
        values[:, 1] = (rng.random(rows) < 0.5).astype(float)
        values[:, 2] += 0.3 * values[:, 0]
    t = T0 + (np.arange(rows) * 1e9 / hz).astype(np.int64)
    channels = tuple(Channel(name=n, unit=u) for n, u in zip(names, units, strict=True))
    whole = Series(device="d", stream="s", channels=channels, t_ns=t, values=values)
    days = 300 if slow else rows // 2  # a row is a day: more than a year of them is nobody's history
    return whole.rows(rows // 2 - days, rows // 2), whole.rows(rows // 2, rows)


@functools.cache
def _once(plugin_id: str, hz: float) -> Detector:
    detector = dict(LISTED)[plugin_id]()
    detector.fit(history_and_more(plugin_id, hz)[0])
    return detector


def fitted(plugin_id: str, hz: float) -> Detector:
    """Return a detector of its own that has learnt the history; learning may take seconds and is done once."""
    return copy.deepcopy(_once(plugin_id, hz), {id(MODEL): MODEL})  # a session of the inference engine is shared


@EACH
def test_id_is_the_path_and_says_what_it_is(plugin_id: str, make: Callable[[], Detector]) -> None:
    info = make().info
    assert info.plugin_id == plugin_id
    assert type(make()).__module__ in {f"mumetal.{plugin_id}", f"mumetal.{plugin_id.rsplit('.', 1)[0]}"}
    assert info.title
    assert info.reference
    assert info.min_history > 0


@EACH
@pytest.mark.parametrize("hz", [1.0, 200.0])
def test_chunks_give_the_scores_of_one_long_series(plugin_id: str, make: Callable[[], Detector], hz: float) -> None:
    _, more = history_and_more(plugin_id, hz)
    whole, parts = fitted(plugin_id, hz), fitted(plugin_id, hz)
    expected = whole.score(more)
    found = np.concatenate([parts.score(more.rows(a, b)) for a, b in itertools.pairwise(CUTS)])
    np.testing.assert_allclose(found, expected, atol=1e-9, rtol=1e-9)
    assert expected.shape == (len(more),)
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


@EACH
def test_scores_are_causal(plugin_id: str, make: Callable[[], Detector]) -> None:
    _, more = history_and_more(plugin_id, 200.0)
    other = more.values.copy()
    other[700:] *= 1.5
    changed = Series(device="d", stream="s", channels=more.channels, t_ns=more.t_ns, values=other)
    first, second = fitted(plugin_id, 200.0), fitted(plugin_id, 200.0)
    np.testing.assert_allclose(first.score(more)[:700], second.score(changed)[:700], atol=1e-9)


@EACH
def test_what_was_not_observed_is_not_anomalous(plugin_id: str, make: Callable[[], Detector]) -> None:
    _, more = history_and_more(plugin_id, 1.0)
    ordinary = fitted(plugin_id, 1.0).score(more)
    detector = fitted(plugin_id, 1.0)
    nothing = np.full_like(more.values, np.nan)
    blank = Series(device="d", stream="s", channels=more.channels, t_ns=more.t_ns, values=nothing)
    scores = detector.score(blank)
    assert np.isfinite(scores).all()
    assert scores.max() <= max(1.0, 1.2 * ordinary.max())


@EACH
def test_extreme_values_stay_finite(plugin_id: str, make: Callable[[], Detector]) -> None:
    _, more = history_and_more(plugin_id, 1.0)
    values = more.values.copy()
    values[5], values[6] = 1e300, -1e300
    detector = fitted(plugin_id, 1.0)
    scores = detector.score(Series(device="d", stream="s", channels=more.channels, t_ns=more.t_ns, values=values))
    assert np.isfinite(scores).all()


@EACH
def test_attribution_keeps_no_state_and_adds_up(plugin_id: str, make: Callable[[], Detector]) -> None:
    history, more = history_and_more(plugin_id, 1.0)
    one, two = fitted(plugin_id, 1.0), fitted(plugin_id, 1.0)
    one.score(more.rows(0, 600))
    two.score(more.rows(0, 600))
    found = one.attribute(more.rows(100, 600))
    assert found == one.attribute(more.rows(100, 600))
    np.testing.assert_allclose(one.score(more.rows(600, 1200)), two.score(more.rows(600, 1200)))
    for method in {a.method for a in found}:
        of = [a.share for a in found if a.method == method]
        assert sum(of) <= 1 + 1e-9
        assert of == sorted(of, reverse=True)
    assert {a.channel for a in found} <= set(history.names)


@EACH
def test_refuses_too_little_history_another_channel_map_and_not_fitted(
    plugin_id: str, make: Callable[[], Detector]
) -> None:
    history, more = history_and_more(plugin_id, 1.0)
    detector = make()
    with pytest.raises(BadInputError):
        detector.score(more)
    with pytest.raises(BadInputError):
        detector.fit(history.rows(0, detector.info.min_history - 1))
    detector = fitted(plugin_id, 1.0)
    other = Series(
        device="d",
        stream="s",
        channels=tuple(Channel(name=f"x{i}", unit="1") for i in range(6)),
        t_ns=more.t_ns,
        values=more.values,
    )
    with pytest.raises(BadInputError):
        detector.score(other)


@EACH
def test_power_is_at_least_the_bound_and_says_blind(plugin_id: str, make: Callable[[], Detector]) -> None:
    detector = make()
    conditions = Conditions(samples=10_000, noise=1.0, channels=8)
    unknown = detector.power("no.such_technique", conditions)
    assert unknown.blind
    assert "blind" in unknown.reason
    for technique in detector.info.techniques:
        power = detector.power(technique, conditions)
        assert power.technique == technique
        assert not power.blind
        assert power.smallest >= power.bound > 0
        noisier = detector.power(technique, Conditions(samples=10_000, noise=2.0, channels=8))
        assert noisier.smallest >= power.smallest or math.isclose(noisier.smallest, power.smallest)


@EACH
def test_fitting_again_starts_afresh(plugin_id: str, make: Callable[[], Detector]) -> None:
    history, more = history_and_more(plugin_id, 1.0)
    detector = fitted(plugin_id, 1.0)
    first = detector.score(more)
    detector.fit(history)
    np.testing.assert_allclose(detector.score(more), first)
