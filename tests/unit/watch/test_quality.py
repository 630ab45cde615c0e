import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, Array, stream, wandering

from mumetal.core.event import Event
from mumetal.core.finding import Severity
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.watch.quality import RULES
from mumetal.watch.quality.event import EventRules
from mumetal.watch.quality.series import SeriesRules
from mumetal.watch.quality.silence import Silence
from mumetal.watch.quality.snapshot import check_snapshot

LATER = T0 + 10**15


def broken(rules: SeriesRules, series: Series, now_ns: int = LATER, chunk: int = 50) -> list[str]:
    return [
        b.info.plugin_id.rsplit(".", 1)[-1]
        for i in range(0, len(series), chunk)
        for b in rules.check(series.rows(i, min(i + chunk, len(series))), now_ns)
    ]


def kelvin(n: int = 1_000) -> Array:
    return 300 + 0.1 * np.random.default_rng(0).normal(size=(n, 2))


def test_ordinary_streams_break_no_rule() -> None:
    assert broken(SeriesRules(2.0), stream(kelvin())) == []
    assert broken(SeriesRules(2.0), stream(wandering(np.random.default_rng(1), 1_000, 3))) == []
    coarse = np.round(np.random.default_rng(2).normal(size=(2_000, 2)) * 0.4)  # quantised: stands still for a while
    assert broken(SeriesRules(2.0), stream(coarse)) == []


def test_a_gap() -> None:
    whole = stream(kelvin())
    rules = SeriesRules(2.0)
    assert broken(rules, whole.rows(0, 500)) == []
    assert broken(rules, whole.rows(600, 700)) == ["gap"]


@pytest.mark.parametrize("slip", [lambda v: v - 273.15, lambda v: v * 1e3, lambda v: v * 1e-6])
def test_a_unit_slip(slip) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    values = kelvin()
    values[500:, 1] = slip(values[500:, 1])
    units = ("K",) * values.shape[1]
    assert broken(SeriesRules(2.0), stream(values, units=units)) == ["unit_slip"]


def test_a_pressure_that_rises_by_273_pascals_did_not_slip_its_unit() -> None:
    values = 5_000 + 0.1 * np.random.default_rng(3).normal(size=(1_000, 2))
    values[500:, 1] += 273.15
    assert broken(SeriesRules(2.0), stream(values, units=("Pa", "Pa"))) == []
    assert broken(SeriesRules(2.0), stream(values, units=("K", "K"))) == ["unit_slip"]


def test_counts_that_never_moved_are_no_freeze_however_long() -> None:
    values = np.column_stack([np.full(6_000, 256.0), np.random.default_rng(4).binomial(256, 0.02, 6_000)])
    assert broken(SeriesRules(2.0), stream(values)) == []


def test_a_frozen_channel_but_not_a_set_point() -> None:
    values = kelvin()
    values[:, 0] = 4.0
    assert broken(SeriesRules(2.0), stream(values.copy())) == []
    values[600:, 1] = values[600, 1]
    assert "frozen" in broken(SeriesRules(2.0), stream(values))


def test_a_valve_that_stays_is_no_freeze_and_a_sensor_at_the_end_of_its_range_pages_nobody() -> None:
    valve = np.r_[np.tile([0.0, 1.0], 200), np.ones(900)][:, None]
    assert broken(SeriesRules(2.0), stream(valve, units=("1",))) == []
    ends = np.maximum(kelvin(1_000)[:, :1], 0)
    ends[600:] = ends.max()
    rules = SeriesRules(2.0)
    found = [b for i in range(0, 1_000, 50) for b in rules.check(stream(ends, units=("K",)).rows(i, i + 50), LATER)]
    assert {b.severity for b in found} == {Severity.LOW}


def test_clocks() -> None:
    assert broken(SeriesRules(2.0), stream(kelvin(10)), now_ns=T0) == ["clock_ahead"]
    off = np.column_stack([np.full(100, 1e-4), np.linspace(0, 5, 100)])
    series = stream(off, names=("a.ntp_offset", "b.ntp_offset"), units=("s", "s"))
    breach = next(iter(SeriesRules(2.0).check(series, LATER)))
    assert (breach.info.plugin_id, breach.channels) == ("watch.quality.clock_offset", ("b.ntp_offset",))
    ahead = Event(event_id="1", t_ns=T0 + 10**10, activity="x")
    assert [b.info.plugin_id for b in EventRules(2.0).check(ahead, T0)] == ["watch.quality.event_ahead"]


def test_a_snapshot_gives_one_breach_per_rule_with_all_figures_in_it() -> None:
    good = Parameter(component="q0", name="T1", value=1e-4, unit="s", t_ns=T0)
    bad = [
        Parameter(component="q0", name="T2", value=3e-4, unit="s", t_ns=T0),
        Parameter(component="q1", name="T1", value=-1e-4, unit="s", t_ns=T0),
        *(Parameter(component=f"q{i}", name="gate_error", value=float("nan"), unit="1", t_ns=T0 - 2_000 * 3600 * 10**9,
                    flag="sentinel: gate_error 1.0") for i in range(40)),
    ]  # fmt: skip
    found = list(check_snapshot(DeviceSnapshot(device="d", t_ns=T0, qubits=50, parameters=(good, *bad)), 347))
    assert {b.info.plugin_id.rsplit(".", 1)[-1]: len(b.channels) for b in found} == {
        "stale": 40, "sentinel": 40, "impossible": 2,
    }  # fmt: skip
    assert list(check_snapshot(DeviceSnapshot(device="d", t_ns=T0, qubits=1, parameters=(good,)), 347)) == []


def test_a_burst_does_not_make_a_slow_source_look_fast() -> None:
    silence = Silence(20.0)
    now = T0
    for _ in range(10):  # a day's file is read at once
        silence.heard(now, 60.0)
        now += 10**6
    assert list(silence.check(now + 600 * 10**9, T0)) == []
    assert list(silence.check(now + 1_300 * 10**9, T0))


def test_every_rule_is_listed_under_its_id() -> None:
    assert len(RULES) == 11
    assert all(info.plugin_id == rule_id and rule_id.startswith("watch.quality.") for rule_id, info in RULES)
