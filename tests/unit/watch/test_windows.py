"""Detectors of windows: what they see, what they leave out, and what cannot be taught to them."""

import itertools

import numpy as np
import pytest

from mumetal.core.series import Channel, Series
from mumetal.core.technique import Conditions
from mumetal.numerics.principal import principal
from mumetal.watch.detectors.baseline import CAP, FARTHEST, Baseline
from mumetal.watch.detectors.forecast import Forecast
from mumetal.watch.detectors.held_out import folds, held_out_scores
from mumetal.watch.detectors.nearest import Nearest, farthest_first
from mumetal.watch.detectors.shape import Shape
from mumetal.watch.detectors.standard import Array, Standardised
from mumetal.watch.detectors.sub_pca import SubPca
from mumetal.watch.detectors.windowed import Trailing

T0 = 1_760_000_000 * 10**9
WINDOWED = (Forecast, SubPca, Nearest, Shape)


def series(values: Array, first: int = 0, hz: float = 1.0) -> Series:
    return Series(
        device="d",
        stream="s",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(values.shape[1])),
        t_ns=T0 + ((first + np.arange(len(values))) * 1e9 / hz).astype(np.int64),
        values=values,
    )


def coupled(seed: int, n: int) -> Array:
    """Two channels that follow a slow third one."""
    rng = np.random.default_rng(seed)
    slow = np.convolve(rng.normal(size=n + 40), np.ones(40) / 6, mode="valid")[:n]
    return np.stack([slow, slow, -slow], axis=1) + 0.1 * rng.normal(size=(n, 3))


@pytest.mark.parametrize("make", WINDOWED)
def test_a_channel_that_stops_following_is_seen_and_named(make: type[Standardised]) -> None:
    values = coupled(1, 1_500)
    values[1_200:1_300, 1] = values[900:1_000, 1]  # an earlier stretch, replayed: each value is ordinary
    detector = make()
    detector.fit(series(values[:800]))
    scores = detector.score(series(values[800:], 800))
    before, after = scores[100:400], scores[410:500]
    assert np.median(after) > np.quantile(before, 0.99)
    detector.fit(series(values[:800]))
    found = detector.attribute(series(values[1_200:1_290], 1_200))
    assert found[0].channel == "c1"
    assert found[0].share > 0.5


@pytest.mark.parametrize("make", [Forecast, SubPca, Nearest])
def test_flags_say_the_state_and_are_not_scored_unless_there_is_nothing_else(make: type[Standardised]) -> None:
    rng = np.random.default_rng(2)
    values = np.c_[coupled(2, 900)[:, :2], (rng.random(900) < 0.02).astype(float), np.zeros(900)]
    detector, other = make(), make()
    detector.fit(series(values[:600]))
    quiet = detector.score(series(values[600:], 600))
    values[700:, 2:] = 1.0
    other.fit(series(values[:600]))
    np.testing.assert_allclose(other.score(series(values[600:], 600)), quiet)
    alone = make()
    alone.fit(series(values[:600, 2:]))
    assert alone.score(series(values[600:, 2:], 600))[150:].min() > 3 * alone.score(series(values[:600, 2:])).mean()


@pytest.mark.parametrize("make", WINDOWED)
def test_a_channel_that_stood_still_shows_when_it_moves(make: type[Standardised]) -> None:
    values = np.c_[coupled(3, 900)[:, :1], np.full(900, 4.2e-3)]
    values[800:, 1] *= 1.3
    detector = make()
    detector.fit(series(values[:600]))
    scores = detector.score(series(values[600:], 600))
    assert scores[205:].min() > scores[:200].max()


def test_from_fifty_rows_a_second_on_the_score_is_held_between_looks() -> None:
    values = coupled(4, 2_000)
    detector = SubPca()
    detector.fit(series(values[:1_000], hz=200.0))
    scores = detector.score(series(values[1_000:], 1_000, hz=200.0))
    changes = np.flatnonzero(np.diff(scores)) + 1
    assert changes.size > 50
    assert set(changes % 16) == {0}


def test_trailing_windows_end_with_their_row_and_do_not_mind_cuts() -> None:
    rows = np.arange(20.0).reshape(10, 2)
    whole = Trailing(4).push(rows)
    assert whole.shape == (10, 2, 4)
    np.testing.assert_array_equal(whole[7, 1], rows[4:8, 1])
    np.testing.assert_array_equal(whole[0, 0], [0, 0, 0, 0])
    parts = Trailing(4)
    np.testing.assert_array_equal(np.concatenate([parts.push(rows[a:b]) for a, b in ((0, 1), (1, 3), (3, 10))]), whole)


@pytest.mark.parametrize("shape", [(300, 7), (20, 50)])
def test_principal_directions_agree_with_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(5).normal(size=shape) * np.linspace(1, 4, shape[1])
    found = principal(rows, 4)
    _, values, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.variances, values[:4] ** 2 / len(rows))
    np.testing.assert_allclose(np.abs(np.sum(found.vectors.T * right[:4], axis=1)), 1.0, atol=1e-9)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(4), atol=1e-9)
    rest = (values[4:] ** 2).sum() / len(rows)
    assert found.left == pytest.approx(rest / (min(shape) - 4))


def test_principal_directions_of_rows_that_do_not_differ() -> None:
    found = principal(np.ones((10, 3)), 2)
    assert found.variances.max() < 1e-12
    with pytest.raises(ValueError, match="n >= 2"):
        principal(np.ones((1, 3)), 2)


def test_the_coreset_holds_the_rare_mode() -> None:
    rng = np.random.default_rng(6)
    points = np.concatenate([rng.normal(size=(500, 2)), rng.normal(size=(3, 2)) + 50])
    chosen = farthest_first(points, 10)
    assert len(set(chosen.tolist())) == 10
    assert (chosen >= 500).any()
    gap = np.linalg.norm(points[:, None] - points[chosen], axis=2).min(axis=1)
    other = np.linalg.norm(points[:, None] - points[:10], axis=2).min(axis=1)
    assert gap.max() < other.max() / 5
    assert farthest_first(np.zeros((5, 2)), 3).tolist() == [0]


def test_the_baseline_follows_drift_but_cannot_be_led_away() -> None:
    rng = np.random.default_rng(7)
    ordinary = np.abs(rng.normal(size=1_000))
    drift = np.abs(rng.normal(size=30_000)) * 1.5
    baseline = Baseline(ordinary)
    scores = baseline.push(drift)
    assert scores[-3_000:].mean() < scores[:300].mean()
    assert 0 < baseline.absorbed < 1
    patient = np.abs(rng.normal(size=200_000)) + np.linspace(0, 40, 200_000)  # ever a little more
    led = baseline.push(patient)
    assert baseline.absorbed == 1.0
    assert np.log1p(40) - np.log1p(np.median(ordinary)) > 2 * FARTHEST
    assert led[-1_000:].min() > scores[-3_000:].mean() * 1.5
    baseline.reset()
    np.testing.assert_allclose(baseline.push(drift), scores)
    assert CAP * 0.2 < 1


def test_one_wild_score_moves_the_baseline_by_no_more_than_the_cap() -> None:
    ordinary = np.abs(np.random.default_rng(8).normal(size=500))
    calm, hit = Baseline(ordinary), Baseline(ordinary)
    calm.push(np.full(10, 1.0))
    hit.push(np.r_[np.full(9, 1.0), 1e12])
    assert abs(calm.push(np.ones(1)) - hit.push(np.ones(1)))[0] < 0.01


@pytest.mark.parametrize("every", [1, 16])
def test_the_baseline_does_not_mind_cuts(every: int) -> None:
    rng = np.random.default_rng(9)
    ordinary, scores = np.abs(rng.normal(size=300)), np.abs(rng.normal(size=500))
    scores[100:300] += 20
    whole, parts = Baseline(ordinary, every, patience=4), Baseline(ordinary, every, patience=4)
    whole.alarm_at(3.0)
    parts.alarm_at(3.0)
    cuts = itertools.pairwise((0, 1, 5, 16, 17, 200, 500))
    one = whole.push(scores)
    assert whole.apart.any()
    np.testing.assert_allclose(np.concatenate([parts.push(scores[a:b]) for a, b in cuts]), one)


def test_a_state_that_was_alarmed_for_long_is_left_behind_and_the_next_change_counts() -> None:
    rng = np.random.default_rng(12)
    ordinary = np.abs(rng.normal(size=1_000))
    state, worse = 30 + rng.normal(size=900), 200 + rng.normal(size=50)
    baseline = Baseline(ordinary, patience=300)
    baseline.alarm_at(4.0)
    scores = baseline.push(np.r_[ordinary, state])
    assert not baseline.apart[:1_299].any()
    assert baseline.apart[1_301:].all()
    assert scores[1_000:1_300].min() > 4
    assert scores[1_301:].max() < 4
    assert baseline.push(worse).min() > 4
    back = baseline.push(np.abs(rng.normal(size=900)))
    assert baseline.apart[:299].all()
    assert not baseline.apart[301:].any()
    fresh = Baseline(ordinary).push(back * 0 + 1.0)
    assert abs(baseline.push(np.ones(1)) - fresh[0])[0] < 0.2


def test_neither_a_short_alarm_nor_what_stays_below_the_alarm_becomes_a_state() -> None:
    rng = np.random.default_rng(13)
    ordinary = np.abs(rng.normal(size=1_000))
    short = np.r_[ordinary, 30 + rng.normal(size=290), ordinary]
    now_and_then = np.where(np.arange(9_000) % 3 < 2, 30.0, 1.0)  # two rows of three
    creeping = np.abs(rng.normal(size=200_000)) + np.linspace(0, 40, 200_000)
    for scores in (short, now_and_then, creeping):
        baseline = Baseline(ordinary, patience=300)
        baseline.alarm_at(4.0)
        out = baseline.push(scores)
        assert not baseline.apart.any()
        assert out.max() > 4 or scores is creeping
    assert baseline.absorbed == 1.0  # what creeps up is not followed any farther
    assert out[-1_000:].min() > np.quantile(out[:1_000], 0.9)


@pytest.mark.parametrize("count", [2, 4])
def test_every_row_of_a_history_is_judged_once_by_what_the_other_blocks_teach(count: int) -> None:
    history = series(np.arange(402.0)[:, None])
    parts = folds(history, count)
    assert np.concatenate([p.judge.values[:, 0] for p in parts]).tolist() == list(range(402))
    for part in parts:
        assert sorted([*part.learn.values[:, 0], *part.judge.values[:, 0]]) == list(range(402))
        assert (np.diff(part.learn.t_ns) > 0).all()
        first = int(part.judge.values[0, 0])
        assert part.before.values[:, 0].tolist() == list(range(max(0, first - 256), first))
    values = coupled(14, 800)
    held = held_out_scores(SubPca, folds(series(values), count))
    assert len(held) == 800 - min(256, 800 // count // 4)


def test_shape_is_as_strong_as_its_stronger_member() -> None:
    shape = Shape()
    for technique in shape.info.techniques:
        conditions = Conditions(samples=500, noise=2.0, channels=4)
        able = [m for m in (Forecast(), SubPca()) if technique in m.info.techniques]
        assert shape.power(technique, conditions).smallest == min(m.power(technique, conditions).smallest for m in able)


def test_hundreds_of_channels_are_foretold_each_from_its_own_past() -> None:
    rng = np.random.default_rng(10)
    values = rng.normal(size=(400, 400))
    values[350:, 17] += 8
    detector = Forecast()
    detector.fit(series(values[:300]))
    scores = detector.score(series(values[300:], 300))
    assert scores[60:].min() > scores[:45].max()
    assert detector.attribute(series(values[330:], 330))[0].channel == "c17"


def test_the_fused_scores_of_new_rows_are_spread_like_its_held_out_ones() -> None:
    values = coupled(11, 4_000)
    detector = Shape()
    detector.fit(series(values[:600]))
    assert detector.held_out is not None
    scores = detector.score(series(values[600:], 600))
    for quantile in (0.5, 0.9):
        assert np.quantile(scores, quantile) == pytest.approx(np.quantile(detector.held_out, quantile), rel=0.5)
    assert scores.max() < 3 * detector.held_out.max()
