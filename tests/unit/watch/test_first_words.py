"""What the causes say in the first moments of a finding, when little is known, and what they say of correlations."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, Array, stream

from mumetal.core.event import Event
from mumetal.core.finding import Attribution, Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.subject import Subject
from mumetal.watch.causes.co_tenant_load import CoTenantLoad
from mumetal.watch.causes.early_line import early_line
from mumetal.watch.causes.looked_at import looked_at
from mumetal.watch.causes.pulse_tube import PulseTube
from mumetal.watch.causes.radiation_burst import RadiationBurst

HZ = 40.0
ONSET_S = 300.0
BAND_HZ = (1.0, 2.0)
NS = 10**9


def finding(name: str, channels: tuple[str, ...], start_s: float, rule: str = "watch.detectors.shape") -> Finding:
    start_ns = T0 + round(start_s * NS)
    return Finding(
        subject=Subject.stream("lab", name), rule=rule, title="x", start_ns=start_ns, stop_ns=start_ns + 1, confidence=0.9,
        attribution=tuple(Attribution(channel=c, share=1 / len(channels), method="own-score") for c in channels),
    )  # fmt: skip


def tube(t: Array, phase: float = 0.0) -> Array:
    wave: Array = np.sin(2 * np.pi * 1.4 * t + phase) + 0.3 * np.sin(4 * np.pi * 1.4 * t + 1.0 + 2 * phase)
    return wave


def field(added: Array, seed: int = 0, past: float = 1.0) -> Series:
    """A magnetometer with the tube's line in 1/f-like noise; ``added`` (n,), T, from the onset on."""
    rng = np.random.default_rng(seed)
    n = round(ONSET_S * HZ) + added.size
    t = np.arange(n) / HZ
    slow = np.convolve(rng.normal(size=n + 400), np.exp(-np.arange(401) / 80) / 6, mode="valid")
    values = 1e-6 + 3e-9 * past * tube(t) + 2e-9 * slow + 1e-9 * rng.normal(size=n)
    values[-added.size :] += added
    return stream(values[:, None], hz=HZ, names=("magnetometer",), units=("T",), name="control")


def since(seconds: float) -> Array:
    return ONSET_S + np.arange(round(seconds * HZ)) / HZ


@pytest.mark.parametrize("seconds", [1.0, 2.5, 6.0])
@pytest.mark.parametrize("phase", [0.0, 2.0])
def test_the_first_second_of_a_louder_pulse_tube_is_told_by_its_own_waveform(seconds: float, phase: float) -> None:
    for seed in range(2):
        series = field(20e-9 * tube(since(seconds), phase), seed)
        said = early_line(series, "magnetometer", T0 + round((ONSET_S + 0.5) * NS), BAND_HZ)
        assert said is not None
        assert said.hertz == pytest.approx(1.4, abs=2e-3)
        assert said.log_ratio > 3
        assert said.left < 1
        assert said.gain == pytest.approx(20 / 3, rel=0.2)


OTHERS: dict[str, Callable[[Array], Array]] = {
    "step": lambda t: np.ones(t.size),
    "ramp": lambda t: (t - ONSET_S) / 2,
    "rise": lambda t: 1 - np.exp(-(t - ONSET_S) / 0.3),
    "slower line": lambda t: np.sin(2 * np.pi * 0.5 * t),
    "faster line": lambda t: np.sin(2 * np.pi * 3.1 * t + 1.0),
    "noise": lambda t: np.random.default_rng(9).normal(size=t.size),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("seconds", [1.0, 2.5, 6.0])
def test_no_other_beginning_is_taken_for_the_pulse_tube(kind: str, seconds: float) -> None:
    for seed in range(2):
        series = field(20e-9 * OTHERS[kind](since(seconds)), seed)
        seen = finding("control", ("magnetometer",), ONSET_S + 0.5)
        verdict = PulseTube().explain(seen, Scene(series=(series,)))
        assert not verdict.explained, verdict.reason


@pytest.mark.parametrize("kind", ["step", "slower line", "faster line", "noise"])
@pytest.mark.parametrize("seconds", [1.0, 2.5, 6.0])
def test_what_comes_with_the_pulse_tube_is_a_remainder_from_the_first_second(kind: str, seconds: float) -> None:
    both = field(20e-9 * (tube(since(seconds)) + OTHERS[kind](since(seconds))))
    verdict = PulseTube().explain(finding("control", ("magnetometer",), ONSET_S + 0.5), Scene(series=(both,)))
    assert not verdict.explained, verdict.reason


def test_a_provisional_word_ends_with_the_window_and_needs_a_line_in_the_past() -> None:
    cause, seen = PulseTube(), finding("control", ("magnetometer",), ONSET_S + 0.5)
    begun = cause.explain(seen, Scene(series=(field(20e-9 * tube(since(2.0))),)))
    assert begun.explained
    assert "so far" in begun.reason
    assert begun.log_likelihood_ratio > 0
    unknown = field(20e-9 * tube(since(2.0)), past=0.0)
    assert early_line(unknown, "magnetometer", seen.start_ns, BAND_HZ) is None
    t = since(20.0)
    imitated = field(20e-9 * np.where(t < ONSET_S + 2, tube(t), np.sin(2 * np.pi * 3.3 * t)))
    assert cause.explain(seen, Scene(series=(imitated.between(0, T0 + round((ONSET_S + 2) * NS)),))).explained
    later = replace(seen, stop_ns=T0 + round((ONSET_S + 20) * NS))
    assert not cause.explain(later, Scene(series=(imitated,))).explained


def load(rows: int, jobs: float, watts: float) -> tuple[Scene, Finding]:
    """A queue row a second that is busy from the onset on, and a meter that speaks 80 ms after it."""
    rng = np.random.default_rng(5)
    busy = np.arange(300 + rows) >= 300
    activity = 1 + 0.3 * np.sin(np.arange(300 + rows) / 25)
    queue = np.stack(
        [rng.poisson(3.0 * activity) + jobs * busy, 8_000 * activity * np.exp(0.05 * rng.normal(size=300 + rows)) + 20_000 * busy],
        axis=1,
    )  # fmt: skip
    t = np.arange(round((ONSET_S + 0.1) * HZ)) / HZ
    power = 850 + 8 * np.interp(t, np.arange(300 + rows), activity) + watts * (t >= ONSET_S)
    power += 0.3 * rng.normal(size=t.size)
    events = tuple(
        Event(event_id=f"j{k}", device="lab", t_ns=T0 + round((ONSET_S + at) * NS), activity="RunJob", actor="ben")
        for k, at in enumerate((-90.0, -60.0, -20.0, 0.0))
    )
    control = stream(power[:, None], hz=HZ, names=("rack.power",), units=("W",), name="control")
    jobs_and_shots = stream(
        queue.astype(np.float64), names=("jobs.rate", "shots.rate"), units=("Hz", "Hz"), name="queue"
    )
    seen = finding("control", ("rack.power",), ONSET_S + 0.05)
    return Scene(series=(control, jobs_and_shots), events=events), seen


def test_power_that_speaks_between_two_rows_of_the_queue_is_the_loads_as_far_as_the_load_goes() -> None:
    cause = CoTenantLoad()
    within = load(1, 12, 10.0)
    assert cause.explain(within[1], within[0]).explained, cause.explain(within[1], within[0]).reason
    beyond = load(1, 12, 60.0)
    assert "the load accounts for" in cause.explain(beyond[1], beyond[0]).reason


def test_jobs_may_lag_behind_shots_for_a_row_or_two_and_not_for_longer() -> None:
    for rows, explained in ((1, True), (6, False)):
        scene, _ = load(rows, 0, 0.0)
        seen = replace(finding("queue", ("shots.rate",), ONSET_S), stop_ns=T0 + round((ONSET_S + rows) * NS))
        assert CoTenantLoad().explain(seen, replace(scene, series=scene.series[::-1])).explained is explained


def canaries(burst_s: int, coupled: float) -> Series:
    """Eight canaries over 400 s, all struck in one row, the first two sharing part of their noise from 100 s on."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(400, 8))
    shared = rng.normal(size=400)
    noise[100:, :2] = np.sqrt(1 - coupled) * noise[100:, :2] + np.sqrt(coupled) * shared[100:, None]
    values = 0.03 + 0.003 * noise
    values[burst_s] += 0.05
    return stream(values)


def test_a_burst_explains_a_correlation_that_comes_later_and_not_that_of_one_pair() -> None:
    names = tuple(f"q{i}.canary_error" for i in range(8))
    rule = "watch.covert.readout_correlation"
    cause = RadiationBurst()
    seen = replace(finding("qubits", names, 320.0, rule), stop_ns=T0 + 325 * NS)
    struck = cause.explain(seen, Scene(series=(canaries(310, 0.0),)))
    assert struck.explained, struck.reason
    assert not cause.explain(seen, Scene(series=(canaries(250, 0.0),))).explained
    pair = replace(seen, attribution=seen.attribution[:2])
    hidden = cause.explain(pair, Scene(series=(canaries(310, 0.8),)))
    assert not hidden.explained
    assert "move together" in hidden.reason


def test_a_finding_that_a_long_window_raised_is_judged_by_all_of_it() -> None:
    slow = stream(field(20e-9 * tube(since(60.0))).values[::4], hz=HZ / 4, names=("magnetometer",), name="control")
    seen = finding("control", ("magnetometer",), 340.0, "watch.detectors.spectral")
    assert looked_at(seen, Scene(series=(slow,))).start_ns == T0 + round((340.0 - 512 / 10) * NS)
    for other in (replace(seen, rule="watch.detectors.ewma"), seen):
        assert looked_at(other, Scene()) == other
    over = np.where(since(60.0) < ONSET_S + 20, 20e-9 * tube(since(60.0)), 0.0)
    late = Scene(series=(stream(field(over).values[::4], hz=HZ / 4, names=("magnetometer",), name="control"),))
    after = finding("control", ("magnetometer",), ONSET_S + 45, "watch.detectors.spectral")
    assert PulseTube().explain(after, late).explained
    assert not PulseTube().explain(replace(after, rule="watch.detectors.ewma"), late).explained
