import math
from collections.abc import Callable

import numpy as np
import pytest
from tests import naive

from mumetal.numerics.covariance import ledoit_wolf, oas
from mumetal.numerics.cusum import cusum
from mumetal.numerics.ewma import ewma
from mumetal.numerics.normal import chi2_upper, survival, z_upper
from mumetal.numerics.robust import location_scale
from mumetal.numerics.spectrum import band_power, goertzel, hann_power
from mumetal.numerics.tails import block_maxima, cluster_maxima, fit_tail, pareto_fit, pareto_quantile, pareto_survival


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1000])
@pytest.mark.parametrize("alpha", [1.0, 0.4, 0.01])
def test_ewma_agrees_with_its_twin_and_goes_on_over_chunks(n: int, alpha: float) -> None:
    x, state = rng().normal(size=(n, 3)) * 100, np.array([1.0, -2.0, 50.0])
    fast, end = ewma(x, alpha, state)
    np.testing.assert_allclose(fast, naive.ewma(x, alpha, state), atol=1e-9)
    cut = n // 3
    first, middle = ewma(x[:cut], alpha, state)
    second, last = ewma(x[cut:], alpha, middle)
    np.testing.assert_allclose(np.concatenate([first, second]), fast, atol=1e-9)
    np.testing.assert_allclose(last, end, atol=1e-9)


@pytest.mark.parametrize("cap", [math.inf, 5.0])
@pytest.mark.parametrize("n", [0, 1, 255, 256, 700])
def test_cusum_agrees_with_its_twin(n: int, cap: float) -> None:
    x = rng(1).normal(0.3, 1, size=(n, 3))
    x[::5, 1] = np.nan
    state = (np.array([0.0, 1.0, 2.0]), np.array([0.5, 0.0, 4.0]))
    up, down, end = cusum(x, 0.5, state, cap=cap)
    slow_up, slow_down = naive.cusum(x, 0.5, state, cap)
    np.testing.assert_allclose(up, slow_up, atol=1e-9)
    np.testing.assert_allclose(down, slow_down, atol=1e-9)
    first = cusum(x[: n // 2], 0.5, state, cap=cap)
    second = cusum(x[n // 2 :], 0.5, first[2], cap=cap)
    np.testing.assert_allclose(np.concatenate([first[0], second[0]]), up, atol=1e-9)
    np.testing.assert_allclose(second[2][0], end[0], atol=1e-9)


def test_location_and_scale() -> None:
    x = rng(2).normal(3, 2, size=(501, 4))
    x[::3, 2] = np.nan
    location, scale = location_scale(x)
    slow = naive.location_scale(x)
    np.testing.assert_allclose(location, slow[0])
    np.testing.assert_allclose(scale, slow[1])


def test_scale_has_a_floor_for_columns_that_stand_still_or_were_never_seen() -> None:
    x = np.full((50, 3), np.nan)
    x[:, 0], x[:, 1] = 4.0, 0.0
    location, scale = location_scale(x)
    np.testing.assert_array_equal(location, [4.0, 0.0, 0.0])
    assert (scale > 0).all()
    assert np.isfinite(scale).all()


def test_ledoit_wolf_agrees_with_its_twin_and_stays_invertible() -> None:
    x = rng(3).normal(size=(20, 30)) * np.linspace(1, 3, 30)
    fast, weight = ledoit_wolf(x)
    slow, slow_weight = naive.ledoit_wolf(x)
    np.testing.assert_allclose(fast, slow, atol=1e-10)
    assert weight == pytest.approx(slow_weight)
    assert np.linalg.eigvalsh(fast)[0] > 0.01


def test_oas_shrinks_white_noise_to_the_identity_and_leaves_much_data_alone() -> None:
    few, heavy = oas(rng(4).normal(size=(10, 20)))
    assert heavy > 0.8
    np.testing.assert_allclose(few, np.eye(20) * np.trace(few) / 20, atol=0.3)
    x = rng(5).multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=20_000)
    much, light = oas(x)
    assert light < 0.01
    np.testing.assert_allclose(much, [[1, 0.9], [0.9, 1]], atol=0.05)


def test_goertzel_agrees_with_its_twin_and_a_sine_has_a_quarter_of_n_times_its_square() -> None:
    x = rng(6).normal(size=(100, 2))
    for frequency in (0.0, 0.123, 0.5):
        expected = [naive.power_at(x[:, c].tolist(), frequency) for c in range(2)]
        np.testing.assert_allclose(goertzel(x, frequency), expected)
    sine = 3 * np.sin(2 * np.pi * 0.125 * np.arange(800))[:, None]
    np.testing.assert_allclose(goertzel(sine, 0.125), 800 * 9 / 4)


def test_hann_power_of_white_noise_is_its_variance_and_bands_average() -> None:
    power = hann_power(2 * rng(7).normal(size=(400, 64, 2)))
    assert power[:, 2:-2].mean() == pytest.approx(4, rel=0.03)
    bands = band_power(power, np.array([1, 9, 33]))
    np.testing.assert_allclose(bands[:, 0], power[:, 1:9].mean(axis=1))
    np.testing.assert_allclose(bands[:, 1], power[:, 9:33].mean(axis=1))


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.3])
def test_pareto_fit_finds_what_was_drawn(shape: float) -> None:
    u = rng(8).random(20_000)
    y = np.array([pareto_quantile(v, shape, 2.0) for v in u])
    found, scale = pareto_fit(y)
    assert found == pytest.approx(shape, abs=0.04)
    assert scale == pytest.approx(2.0, rel=0.05)
    np.testing.assert_allclose(pareto_survival(y[:50], shape, 2.0), u[:50])


def test_clusters_agree_with_their_twin() -> None:
    scores = rng(9).exponential(size=2_000)
    for run in (1, 3, 10):
        expected = naive.cluster_maxima(scores.tolist(), 2.0, run)
        np.testing.assert_allclose(cluster_maxima(scores, 2.0, run), expected)
    np.testing.assert_allclose(block_maxima(np.arange(10.0), 3), [2, 5, 8])


def test_tail_p_values_are_uniform_on_fresh_scores_and_extrapolate() -> None:
    tail = fit_tail(rng(10).exponential(size=4_000), run=1)
    p = np.sort(tail.p_values(rng(11).exponential(size=4_000)))
    assert np.max(np.abs(p - np.arange(1, 4_001) / 4_000)) < 0.04  # Kolmogorov–Smirnov with both samples' error
    far = float(tail.p_values(np.array([-math.log(1e-6)]))[0])
    assert 1e-7 < far < 1e-4
    levels = [tail.level(rate) for rate in (1e-2, 1e-4, 1e-8)]
    assert levels == sorted(levels)


def test_what_never_varied_has_its_threshold_above_it_however_many_alerts_are_allowed() -> None:
    scores = np.full(900, 0.7)
    for allowed in (1e-9, 1e-3, 1.0):
        assert fit_tail(scores).level(allowed) > 0.7 * 1.02
    assert fit_tail(scores).level(1e-3) < 0.8


def test_normal_and_chi2() -> None:
    assert z_upper(0.025) == pytest.approx(1.959964, abs=1e-5)
    assert survival(z_upper(1e-6)) == pytest.approx(1e-6, rel=1e-6)
    assert chi2_upper(0.05, 10) == pytest.approx(18.307, rel=0.01)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ewma(np.zeros((2, 1)), 0.0, np.zeros(1)),
        lambda: ewma(np.zeros((2, 1)), 0.5, np.zeros(2)),
        lambda: cusum(np.zeros((2, 1)), -1.0, (np.zeros(1), np.zeros(1))),
        lambda: location_scale(np.zeros((0, 2))),
        lambda: ledoit_wolf(np.array([[np.nan], [1.0]])),
        lambda: goertzel(np.zeros((4, 1)), 0.6),
        lambda: hann_power(np.zeros((2, 2))),
        lambda: band_power(np.zeros((1, 4, 1)), np.array([2, 1])),
        lambda: pareto_fit(np.array([-1.0, 2.0])),
        lambda: pareto_survival(np.zeros(1), 0.0, 0.0),
        lambda: pareto_quantile(0.0, 0.0, 1.0),
        lambda: cluster_maxima(np.zeros(3), 0.0, 0),
        lambda: block_maxima(np.zeros(3), 0),
        lambda: fit_tail(np.zeros(3)),
        lambda: z_upper(0.0),
        lambda: chi2_upper(0.5, 0.0),
    ],
)
def test_bad_arguments_are_value_errors(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()
