import math

import numpy as np
import pytest
from tests import naive

from mumetal.numerics.iq_clouds import confusion, two_clouds
from mumetal.numerics.jitter import timing_features
from mumetal.numerics.lines import band_rms, folded, line, locked_line, welch
from mumetal.numerics.pulse_shape import moments, shape_distance


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bell(shift: float = 0.0, size: int = 40) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * ((np.arange(size) - size / 2 - shift) / 5) ** 2))


def test_shape_distance_agrees_with_its_twin() -> None:
    reference = bell()
    pulses = 3 * reference + 0.2 * rng().normal(size=(5, 40))
    distance, gain, _ = shape_distance(pulses, reference)
    for pulse, d, g in zip(pulses, distance, gain, strict=True):
        np.testing.assert_allclose((d, g), naive.pulse_against(pulse.tolist(), reference.tolist()), rtol=1e-6)


def test_a_scaled_copy_is_at_no_distance_and_a_late_one_has_its_delay() -> None:
    distance, gain, delay = shape_distance(np.stack([-2 * bell(), bell(0.25), bell(-0.1)]), bell())
    np.testing.assert_allclose(distance[0], 0, atol=1e-7)
    np.testing.assert_allclose(gain[0], -2)
    np.testing.assert_allclose(delay, [0, 0.25, -0.1], atol=3e-3)
    energy, centre, width = moments(2 * bell(1.0))
    np.testing.assert_allclose([energy, centre, width], [4 * 5 * math.sqrt(math.pi), 21.0, 5 / math.sqrt(2)], rtol=1e-3)
    assert moments(np.zeros(9)) == (0.0, 4.0, 0.0)


@pytest.mark.parametrize("bad", [np.zeros((2, 39)), np.zeros(40)])
def test_pulses_that_do_not_fit_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        shape_distance(bad, bell())
    with pytest.raises(ValueError, match="zero"):
        shape_distance(np.ones((2, 40)), np.zeros(40))


def shots(n: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    r = rng(seed)
    state = r.random(n) < share
    noise = r.normal(size=(n, 2)) @ np.array([[1.0, 0.3], [0.0, 0.8]])
    return np.where(state[:, None], [3.0, 1.0], [-1.0, 0.0]) + noise, state.astype(np.float64)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_clouds_are_found_again(share: float) -> None:
    iq, state = shots(20_000, share, 1)
    found = two_clouds(iq)
    mix = np.array([[1.0, 0.3], [0.0, 0.8]])
    covariance = mix.T @ mix
    gap = np.array([4.0, 1.0])
    np.testing.assert_allclose(found.centres, [[-1, 0], [3, 1]], atol=0.12)
    np.testing.assert_allclose(found.covariance, covariance, atol=0.06)
    np.testing.assert_allclose(found.separation, math.sqrt(gap @ np.linalg.inv(covariance) @ gap), rtol=0.03)
    np.testing.assert_allclose(found.share, state.mean(), atol=0.01)
    np.testing.assert_allclose(found.overlap, 0.5 * math.erfc(found.separation / 2 / math.sqrt(2)))
    moved = two_clouds(iq * 1e-6 + [1.0, -2.0])  # neither unit nor origin matters
    np.testing.assert_allclose([moved.separation, moved.share], [found.separation, found.share], rtol=1e-3)


def test_a_third_level_shows_as_shots_far_from_both() -> None:
    iq, _ = shots(5_000, 0.5, 2)
    clean = two_clouds(iq).outliers
    iq[:150] = np.array([1.0, 12.0]) + rng(3).normal(size=(150, 2))
    assert clean < 0.002
    assert two_clouds(iq).outliers > 0.02


def test_confusion_agrees_with_its_twin() -> None:
    iq, state = shots(400, 0.4, 4)
    np.testing.assert_allclose(confusion(iq, state), naive.confusion(iq, state))
    assert all(math.isnan(x) for x in confusion(iq, np.zeros(400)))


def test_welch_agrees_with_its_twin_and_keeps_the_power() -> None:
    x = rng(5).normal(size=150)
    frequencies, density = welch(x, 100.0, 32)
    np.testing.assert_allclose(density, naive.welch(x.tolist(), 100.0, 32), rtol=1e-9)
    long = 3 * rng(6).normal(size=60_000)
    frequencies, density = welch(long, 1_000.0, 256)
    np.testing.assert_allclose(band_rms(density, frequencies, [(0, 600)]), 3, rtol=0.02)
    np.testing.assert_allclose(
        band_rms(density, frequencies, [(100, 200), (450, 460)])[0], 3 * math.sqrt(0.2), rtol=0.05
    )
    assert math.isnan(band_rms(density, frequencies, [(600, 700)])[0])


def test_lines_are_found_with_amplitude_phase_and_frequency() -> None:
    t = np.arange(8_000) / 400
    x = (
        5
        + 2 * np.cos(2 * np.pi * 50 * t + 0.7)
        + 0.4 * np.cos(2 * np.pi * 1.43 * t - 1)
        + 0.3 * rng(7).normal(size=t.size)
    )
    mains = line(x, t, 50.0)
    np.testing.assert_allclose([abs(mains), np.angle(mains)], [2, 0.7], atol=0.03)
    frequency, amplitude, phase = locked_line(x, t, 1.4, 0.15)
    np.testing.assert_allclose([frequency, amplitude], [1.43, 0.4], atol=0.02)
    middle = float(t[-1]) / 2
    np.testing.assert_allclose(np.angle(np.exp(1j * (phase - (2 * np.pi * 1.43 * middle - 1)))), 0, atol=0.1)
    assert folded(150.0, 80.0) == pytest.approx(10.0)
    assert folded(50.0, 80.0) == pytest.approx(30.0)


def test_timing_features_cancel_what_data_and_references_share() -> None:
    r = rng(8)
    wander = np.cumsum(r.normal(size=20_000))[:, None] * 0.05
    both = wander + r.normal(size=(20_000, 4))
    plain = timing_features(both[:, :1] * 1e-12, both[:, 1:] * 1e-12)
    message = both[:, :1] + 0.8 * np.where(r.random((20_000, 1)) < 0.5, -1, 1)
    sent = timing_features(message * 1e-12, both[:, 1:] * 1e-12)
    np.testing.assert_allclose(plain[2], 0, atol=0.05)
    np.testing.assert_allclose(sent[2], math.log(1.64), atol=0.05)
    assert abs(plain[4]) < 0.03
    slow = both[:, :1] + 0.8 * np.repeat(np.where(r.random((2_000, 1)) < 0.5, -1, 1), 10, axis=0)
    assert timing_features(slow * 1e-12, both[:, 1:] * 1e-12)[4] > 0.15
    assert math.isnan(timing_features(both[:, :1], both[:, :0])[2])
