"""Reset leakage, readout crosstalk and exports: found when they are there, not when the device or the load only changes."""

import numpy as np
import pytest

from mumetal.core.errors import BadInputError
from mumetal.core.event import Event, EventClass, Status
from mumetal.core.finding import Finding
from mumetal.core.series import Channel, Series
from mumetal.core.technique import Conditions
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.canary_rise import CanaryRise
from mumetal.watch.covert.export import LIMIT, ExportWatch
from mumetal.watch.covert.readout_correlation import ReadoutCorrelation
from mumetal.watch.covert.reset_leakage import ResetLeakage, smallest_residual

T0 = 1_760_000_000 * 10**9


def series(values: np.ndarray, names: tuple[str, ...], start: int = 0) -> Series:
    channels = tuple(Channel(name=n, unit="1") for n in names)
    t = T0 + (start + np.arange(len(values))) * 10**9
    return Series(device="d", stream="s", channels=channels, t_ns=t, values=values)


HANDOVER = tuple(
    f"q{q}.{w}" for q in range(3) for w in ("shots_after_0", "ones_after_0", "shots_after_1", "ones_after_1")
)


def counts(n: int, seed: int, error: float = 0.02, residual: float = 0.0, qubit: int = 1) -> Series:
    rng = np.random.default_rng(seed)
    out = np.full((n, 3, 4), 256.0)
    out[:, :, 1] = rng.binomial(256, error, (n, 3))
    left = np.where(np.arange(3) == qubit, residual, 0.0)
    out[:, :, 3] = rng.binomial(256, error + left * (1 - 2 * error), (n, 3))
    return series(out.reshape(n, 12), HANDOVER)


def test_a_reset_that_leaves_something_is_found_on_its_qubit_and_a_worse_readout_is_not() -> None:
    detector = ResetLeakage()
    detector.fit(counts(600, 0))
    level = z_upper(1e-4 / detector.scales)
    detector.reset()
    leaking = counts(80, 1, residual=0.02)
    assert detector.score(leaking).max() > level + 1
    assert detector.attribute(leaking)[0].channel == "q1.ones_after_1"
    for honest in (counts(400, 2), counts(400, 3, error=0.06)):
        detector.reset()
        assert detector.score(honest).max() < level


def test_a_device_whose_reset_always_leaves_something_is_its_own_ordinary() -> None:
    detector = ResetLeakage()
    detector.fit(counts(600, 4, residual=0.03))
    detector.reset()
    assert detector.score(counts(200, 5, residual=0.03)).max() < z_upper(1e-4 / detector.scales)


def test_missing_counts_say_nothing_and_channels_that_are_none_are_refused() -> None:
    values = counts(600, 6).values.copy()
    values[::3] = np.nan
    detector = ResetLeakage()
    detector.fit(series(values, HANDOVER))
    detector.reset()
    assert detector.score(series(np.full((5, 12), np.nan), HANDOVER)).max() == 0
    with pytest.raises(BadInputError, match="no qubit"):
        ResetLeakage().fit(series(values, tuple(f"x{k}" for k in range(12))))


def test_the_stated_residual_is_what_theory_says_and_never_better_than_the_bound() -> None:
    shots = 4_593  # THREATS: 1% residual beside 1% readout error; power 99%, one false alarm in 1,000
    found = smallest_residual(0.01, shots, 1e-3, 0.99, references=float("inf"))
    assert found == pytest.approx(0.01, rel=0.25)
    told = ResetLeakage().power("collection.reset_leakage", Conditions(samples=shots, noise=0.01))
    assert told.bound < told.smallest < 3 * told.bound
    assert ResetLeakage().power("collection.reset_leakage", Conditions(samples=10, noise=0.01)).blind
    assert ResetLeakage().power("impair.config_edit", Conditions(samples=1e6, noise=0.01)).blind


def test_canaries_of_few_shots_tell_a_rise_that_a_median_cannot() -> None:
    rng = np.random.default_rng(0)
    detector = CanaryRise()
    detector.fit(series(rng.binomial(8, 0.06, (1_000, 2)) / 8, ("q0.canary_error", "q1.canary_error")))
    names = ("q0.canary_error", "q1.canary_error")
    detector.reset()
    hit = series(rng.binomial(8, (0.06, 0.228), (40, 2)) / 8, names)
    struck = detector.score(hit).max()
    assert detector.attribute(hit)[0].channel == "q1.canary_error"
    detector.reset()
    quiet = detector.score(series(rng.binomial(8, 0.06, (1_000, 2)) / 8, names)).max()
    assert quiet < 7 < 8 < struck  # few failures in few shots are skewed: the live threshold comes from the history


def test_a_rise_of_many_canaries_is_seen_before_any_of_them_shows_it() -> None:
    rng = np.random.default_rng(1)
    names = tuple(f"q{i}.canary_error" for i in range(9))
    detector = CanaryRise()
    detector.fit(series(rng.binomial(512, 0.1, (1_000, 9)) / 512, names))
    quiet = detector.score(series(rng.binomial(512, 0.1, (1_000, 9)) / 512, names)).max()
    few, many = np.full(9, 0.1), np.full(9, 0.1)
    few[:1], many[:5] = 0.108, 0.108
    found = []
    for p in (few, many):
        detector.reset()
        found.append(detector.score(series(rng.binomial(512, p, (60, 9)) / 512, names)).max())
    assert found[0] < quiet + 1 < found[1]


RESIDUALS = tuple(f"q{q}.readout_residual" for q in range(5))


def residuals(n: int, seed: int, coupling: float = 0.0, common: float = 0.0) -> Series:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 5)) + common * rng.normal(size=(n, 1)) + np.sin(np.arange(n) / 90)[:, None]
    values[:, 3] += coupling * values[:, 1]
    return series(values, RESIDUALS)


def test_two_qubits_that_begin_to_move_together_are_found_and_what_always_did_is_not() -> None:
    detector = ReadoutCorrelation()
    detector.fit(residuals(1_500, 0, common=0.3))
    level = z_upper(1e-4 / (2 * detector.scales))
    detector.reset()
    coupled = residuals(900, 1, coupling=0.6, common=0.3)
    assert detector.score(coupled).max() > level + 1
    assert {a.channel for a in detector.attribute(coupled)[:2]} == {"q1.readout_residual", "q3.readout_residual"}
    detector.reset()
    assert detector.score(residuals(1_500, 2, common=0.3)).max() < level
    with pytest.raises(BadInputError, match="fewer than two"):
        ReadoutCorrelation().fit(series(np.ones((300, 1)), ("q0.readout_error",)))


def call(t_s: float, actor: str = "ana", verb: str = "GetResults", size: int = 0, fails: bool = False) -> Event:
    return Event(
        event_id=f"{actor}-{verb}-{t_s}", t_ns=T0 + round(t_s * 1e9), activity=verb, actor=actor,
        event_class=EventClass.API_ACTIVITY, status=Status.FAILURE if fails else Status.SUCCESS,
        attributes=(("bytes", str(size)), ("destination", "bucket")) if size else (),
    )  # fmt: skip


def fed(watch: ExportWatch, events: list[Event]) -> list[Finding]:
    return [f for e in events for f in watch.observe(e)]


def ordinary(seed: int, hours: float = 2.0, every_s: float = 30.0, size: int = 0) -> list[Event]:
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.exponential(every_s, round(hours * 3600 / every_s)))
    return [call(float(t), size=round(size * float(np.exp(0.3 * rng.normal()))) if size else 0) for t in at]


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_traffic_of_hours_raises_nothing(seed: int) -> None:
    assert fed(ExportWatch(), ordinary(seed, size=1_000)) == []


def test_a_burst_of_exports_is_found_once_with_its_destination() -> None:
    watch = ExportWatch()
    calm = ordinary(7)
    last = calm[-1].t_ns / 1e9 - T0 / 1e9
    found = fed(watch, calm) + fed(watch, [call(last + k, size=10) for k in range(1, 60)])
    assert [f.techniques for f in found] == [("exfiltration.telemetry_export",)]
    assert "bucket" in found[0].detail


def test_larger_exports_at_the_same_pace_are_found_by_their_bytes() -> None:
    watch = ExportWatch()
    calm = ordinary(8, size=1_000)
    last = calm[-1].t_ns / 1e9 - T0 / 1e9
    found = fed(watch, calm) + fed(watch, [call(last + 30 * k, size=20_000) for k in range(1, 20)])
    assert len(found) == 1
    assert found[0].attribution[0].channel == "bytes"


def test_an_account_without_a_past_is_judged_polls_are_low_and_failures_do_not_count() -> None:
    watch = ExportWatch()
    calm = ordinary(9)
    last = calm[-1].t_ns / 1e9 - T0 / 1e9
    fed(watch, calm)
    assert fed(watch, [call(last + k, actor="m", verb="ExportTelemetry", fails=True) for k in range(60)]) == []
    new = fed(watch, [call(last + 60 + k, actor="m", verb="ExportTelemetry") for k in range(30)])
    assert [f.severity.name for f in new] == ["HIGH"]
    polls = fed(watch, [call(last + 100 + k / 5, actor="m", verb="GetJob") for k in range(200)])
    assert [f.techniques for f in polls] == [("collection.job_timing",)]


def test_the_stated_burst_passes_the_limit_and_no_test_needs_less_than_the_bound() -> None:
    for rate in (0.0, 0.01, 1.0):
        told = ExportWatch().power("exfiltration.telemetry_export", Conditions(samples=600.0, noise=1.0, rate_hz=rate))
        assert told.bound <= told.smallest < 40 + 4 * LIMIT * np.sqrt(600 * rate)
    assert ExportWatch().power("exfiltration.telemetry_export", Conditions(samples=1.0, noise=1.0)).blind
