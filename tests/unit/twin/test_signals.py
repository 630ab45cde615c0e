"""Each signal: its moments, its continuity over chunks, its seed."""

import importlib.util
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mumetal.twin.devices.canary import thermal
from mumetal.twin.knobs import Bench, Floats
from mumetal.twin.signals import cryostat, frequency
from mumetal.twin.signals.cryostat import Cryostat
from mumetal.twin.signals.dephasing import Dephasing
from mumetal.twin.signals.frequency import DRIFT_HZ, STEP_HZ, YEAR_S, Frequency
from mumetal.twin.signals.load import DENSITY, JOBS_HZ, Activity, QueueLoad
from mumetal.twin.signals.magnetic import LINES_T, PICKUP_T, Magnetometer
from mumetal.twin.signals.noise import Ar1, Pink
from mumetal.twin.signals.power import BASELINE_W, DUTY, FULL_SCALE_W, MEAN_ENERGY, RackPower
from mumetal.twin.signals.radiation import DECAY_S, EVERY_S, PEAK, Radiation, burst
from mumetal.twin.signals.readout import Readout
from mumetal.twin.signals.relaxation import Relaxation
from mumetal.twin.signals.timing import JITTER_S, WANDER_S, PulseTiming
from mumetal.twin.signals.wander import Wander

ROOT = Path(__file__).resolve().parents[3]
DAY_S = 86_400.0
Sampler = Callable[[np.random.Generator], Callable[[Floats], Floats]]


def _relaxation(rng: np.random.Generator) -> Callable[[Floats], Floats]:
    return Relaxation(rng, np.full(4, 1e-4), 5_000.0).rate


def _queue(rng: np.random.Generator) -> Callable[[Floats], Floats]:
    load, own = rng.spawn(2)
    signal = QueueLoad(own, Activity(load), 1.0)
    return lambda t: signal.rows(t, Bench())


def _power(rng: np.random.Generator) -> Callable[[Floats], Floats]:
    load, own = rng.spawn(2)
    signal = RackPower(own, Activity(load))
    return lambda t: signal.watts(t, Bench())


def _radiation(rng: np.random.Generator) -> Callable[[Floats], Floats]:
    return Radiation(rng, 1.0).excess


def _taken(signal: Ar1 | Pink) -> Callable[[Floats], Floats]:
    return lambda t: signal.take(t.size)


SAMPLERS: dict[str, Sampler] = {
    "relaxation": _relaxation,
    "queue": _queue,
    "power": _power,
    "radiation": _radiation,
    "cryostat": lambda rng: partial(Cryostat(rng, 1.0).rows, bench=Bench()),
    "magnetometer": lambda rng: partial(Magnetometer(rng, 1.0).field, bench=Bench()),
    "timing": lambda rng: partial(PulseTiming(rng, 1.0).residuals, bench=Bench()),
    "ar1": lambda rng: _taken(Ar1(rng, 1.0, 9.0, 2.0, 3)),
    "pink": lambda rng: _taken(Pink(rng, 1.0, 99.0, 2.0)),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_chunks_do_not_matter_and_the_seed_does(name: str) -> None:
    t = np.arange(400.0)
    whole = SAMPLERS[name](np.random.default_rng(3))(t)
    sampler = SAMPLERS[name](np.random.default_rng(3))
    cuts = [0, 1, 2, 66, 67, 200, 399, 400]
    parts = np.concatenate([sampler(t[a:b]) for a, b in pairwise(cuts)])
    np.testing.assert_allclose(parts, whole, rtol=1e-9, atol=1e-20)
    other = SAMPLERS[name](np.random.default_rng(4))(t)
    assert other.shape == whole.shape == (400, whole.shape[1])
    assert not np.allclose(other, whole, rtol=1e-9, atol=0)


def _acf(x: NDArray[np.float64], lag: int = 1) -> float:
    d = x - x.mean()
    return float((d[lag:] * d[:-lag]).sum() / (d * d).sum())


def test_ar1_has_the_variance_and_memory_asked_for() -> None:
    x = Ar1(np.random.default_rng(1), 0.1, 2.0, 3.0, 2).take(60_000)
    np.testing.assert_allclose(x.std(0), 3.0, rtol=0.1)
    assert _acf(x[:, 0], 20) == pytest.approx(np.exp(-1), abs=0.1)


def test_pink_noise_falls_as_one_over_f() -> None:
    x = Pink(np.random.default_rng(1), 0.01, 100.0, 1.0).take(2**17)[:, 0]
    spectrum = np.abs(np.fft.rfft(x)) ** 2
    f = np.fft.rfftfreq(x.size, 0.01)
    bands = [(0.05, 0.2), (0.2, 0.8), (0.8, 3.2)]
    level = [np.log(spectrum[(f >= a) & (f < b)].mean()) for a, b in bands]
    slopes = np.diff(level) / np.log(4.0)
    np.testing.assert_allclose(slopes, -1.0, atol=0.35)


def test_relaxation_starts_at_the_given_t1_and_moves_like_telegraphs() -> None:
    given = np.array([50e-6, 100e-6, 200e-6])
    np.testing.assert_allclose(1.0 / Relaxation(np.random.default_rng(1), given).rate(np.zeros(1))[0], given)
    days = np.arange(60.0) * DAY_S
    spread = [
        np.log(Relaxation(np.random.default_rng(seed), np.full(20, 1e-4)).rate(days)).std(0, ddof=1)
        for seed in range(8)
    ]
    # 8 % of measurement noise on top of this gives the fitted 0.257.
    assert 0.20 < float(np.median(np.concatenate(spread))) < 0.28


def test_dephasing_keeps_t2_below_twice_t1() -> None:
    t1, t2 = np.array([1e-4, 1e-4]), np.array([8e-5, 2.5e-4])
    signal = Dephasing(np.random.default_rng(1), t1, t2)
    for day in range(20):
        assert np.all(1.0 / (0.5 / t1 + signal.rate(day * DAY_S)) < 2.0 * t1)


def test_wander_is_stationary_and_stands_still_when_time_does() -> None:
    signal = Wander(np.random.default_rng(1), 2_000, 10.0, 0.5)
    first = signal.at(0.0)
    np.testing.assert_array_equal(first, signal.at(0.0))
    later = signal.at(10.0)
    assert later.std() == pytest.approx(0.5, rel=0.06)
    assert np.corrcoef(first, later)[0, 1] == pytest.approx(np.exp(-1), abs=0.06)


def test_readout_varies_by_a_quarter_and_stays_an_error() -> None:
    signal = Readout(np.random.default_rng(1), np.array([0.02] * 50 + [0.5]))
    errors = np.array([signal.error(day * DAY_S) for day in range(60)])
    assert np.log(errors[:, :50]).std() == pytest.approx(0.24, rel=0.1)
    assert errors.max() <= 0.5
    assert errors.min() > 0.0


def test_fixed_transmons_drift_20_khz_a_year_and_tunable_ones_step(monkeypatch: pytest.MonkeyPatch) -> None:
    start = np.full(40_000, 5e9)
    fixed = Frequency(np.random.default_rng(1), start)
    assert np.median(np.abs(fixed.at(YEAR_S) - 5e9)) == pytest.approx(0.6745 * DRIFT_HZ, rel=0.06)
    monkeypatch.setattr(frequency, "DRIFT_HZ", 0.0)
    tunable = Frequency(np.random.default_rng(1), start, tunable=True)
    moved = np.abs(tunable.at(DAY_S) - 5e9)
    stepped = moved[moved > 0.0]
    assert stepped.size / start.size == pytest.approx(1 - np.exp(-1 / 7), rel=0.15)
    assert np.median(stepped) == pytest.approx(STEP_HZ, rel=0.1)
    assert np.percentile(stepped, 90) == pytest.approx(10.6e6, rel=0.25)


def test_bursts_come_every_ten_seconds_and_the_mean_over_windows_is_their_area() -> None:
    t = np.arange(20_000.0)
    mean = Radiation(np.random.default_rng(1), 1.0).excess(t).mean()
    assert mean == pytest.approx(PEAK * np.exp(0.125) * DECAY_S / EVERY_S, rel=0.1)
    windows = np.arange(0.0, 3.0)
    np.testing.assert_allclose(burst(windows, 1.0, 1.2, 0.5, 0.03).sum(), 0.5 * 0.03, rtol=1e-6)
    assert burst(windows, 1.0, 1.2, 0.5, 0.03)[0] == 0.0


def test_the_refrigerator_rests_at_its_operating_point() -> None:
    rows = Cryostat(np.random.default_rng(1), 1.0).rows(np.arange(4_000.0), Bench())
    names = [name for name, _ in cryostat.CHANNELS]
    mean, sigma = dict(zip(names, rows.mean(0), strict=True)), dict(zip(names, rows.std(0), strict=True))
    assert mean["mxc.temperature"] == pytest.approx(0.010, abs=1e-4)
    assert sigma["mxc.temperature"] == pytest.approx(0.0003, rel=0.15)
    assert mean["still.temperature"] == pytest.approx(0.8, abs=0.01)
    assert mean["plate4k.temperature"] == pytest.approx(3.5, abs=0.02)
    assert mean["compressor.water_in"] - 273.15 == pytest.approx(16.8, abs=0.1)
    assert mean["compressor.water_out"] - 273.15 == pytest.approx(24.3, abs=0.1)
    assert mean["compressor.helium"] - 273.15 == pytest.approx(60.0, abs=0.1)
    assert mean["compressor.high_pressure"] / cryostat.PSI == pytest.approx(308, abs=1)
    assert mean["compressor.current"] == pytest.approx(12.5, abs=0.05)


def test_pulses_and_references_share_the_wander_and_not_the_jitter() -> None:
    both = PulseTiming(np.random.default_rng(1), 0.0125).residuals(np.arange(0.0, 2_500.0, 0.0125), Bench())
    assert (both[:, 0] - both[:, 1]).std() == pytest.approx(JITTER_S * np.sqrt(2), rel=0.02)
    assert both.std(0)[0] == pytest.approx(np.hypot(JITTER_S, WANDER_S), rel=0.2)


def test_the_field_has_its_mains_lines_and_the_pulse_tube() -> None:
    t = np.arange(80 * 400) / 80.0
    x = Magnetometer(np.random.default_rng(1), 1 / 80.0).field(t, Bench())[:, 0]
    spectrum = 2 * np.abs(np.fft.rfft(x - x.mean())) / x.size
    f = np.fft.rfftfreq(x.size, 1 / 80.0)

    def height(hz: float, width: float) -> float:
        near = np.abs(f - hz) < width
        return float(np.sqrt((spectrum[near] ** 2).sum()))

    assert height(30.0, 0.5) == pytest.approx(LINES_T[0], rel=0.1)
    assert height(10.0, 0.5) == pytest.approx(LINES_T[2], rel=0.25)
    assert height(1.4, 0.004) == pytest.approx(PICKUP_T, rel=0.25)


def test_queue_and_rack_follow_one_load() -> None:
    load, jobs, watts = np.random.default_rng(2).spawn(3)
    activity = Activity(load)
    t = np.arange(5_000.0)
    rows = QueueLoad(jobs, activity, 1.0).rows(t, Bench())
    rack = RackPower(watts, activity).watts(t, Bench())[:, 0]
    assert rows[:, 0].mean() == pytest.approx(JOBS_HZ, rel=0.1)
    assert rows[:, 2].mean() == pytest.approx(DENSITY, rel=0.02)
    assert rack.mean() - BASELINE_W == pytest.approx(FULL_SCALE_W * DUTY * MEAN_ENERGY, rel=0.1)
    assert np.corrcoef(rows[:, 1], rack)[0, 1] > 0.7


def test_pulse_energy_of_known_shapes() -> None:
    spec = importlib.util.spec_from_file_location("pulse_energies", ROOT / "scripts" / "pulse_energies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    square = {"duration": 1_000, "sigma": 1e-3, "width": 1_000, "amp": [0.3, 0.4]}
    assert module.energy(square) == pytest.approx(0.25)
    drag = {"duration": 4_000, "sigma": 400, "amp": 1.0}
    assert module.energy(drag) == pytest.approx(np.sqrt(np.pi) * 0.1, rel=1e-3)


def test_a_cold_qubit_is_not_excited_and_a_warm_one_is() -> None:
    assert thermal(np.array([0.010]))[0] < 1e-9
    assert thermal(np.array([0.100]))[0] == pytest.approx(0.083, abs=0.003)
