from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, Array, gaussian, heavy, stream, wandering
from tests.watching import watching_of

from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.app.pipeline.watching import Watching
from mumetal.core.clock import ManualClock
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.watch.settings import WatchSettings

DAY = 86_400 * 10**9


def watch(clock: ManualClock | None = None, scene: Scene | None = None) -> Watching:
    return watching_of(WatchSettings(learning_s=10.0), clock or ManualClock(T0 + 400 * DAY), lambda _: scene or Scene())


def evidence(finding: Finding) -> float:
    assert finding.false_per_week is not None
    return -float(np.log(finding.false_per_week))


def feed(room: Watching, series: Series, chunk: int = 100) -> list[Finding]:
    return [f for i in range(0, len(series), chunk) for f in room.observe(series.rows(i, min(len(series), i + chunk)))]


@pytest.mark.parametrize("background", [gaussian, wandering, heavy])
@pytest.mark.parametrize("hz", [1.0, 100.0])
def test_false_alerts_stay_within_the_budget(
    background: Callable[[np.random.Generator, int, int], Array], hz: float
) -> None:
    """Five streams of four channels: at 2 a week, 12,000 rows at 1 Hz allow 0.2 false alerts; one at most is a factor 5."""
    alerts = 0
    for seed in range(5):
        series = stream(background(np.random.default_rng(seed), 12_000, 4), hz=hz)
        alerts += len({f.finding_id for f in feed(watch(), series, 2_000)})
    assert alerts <= 1


@pytest.mark.parametrize("background", [gaussian, wandering, heavy])
def test_a_shift_is_one_finding_confirmed_once_and_closed_once(
    background: Callable[[np.random.Generator, int, int], Array],
) -> None:
    values = background(np.random.default_rng(1), 3_000, 6)
    values[2_000:2_100, 3] += 8 * values[:2000, 3].std()
    series = stream(values)
    later = [f for f in feed(watch(), series, 7) if f.start_ns >= T0 + 1_990 * 10**9]
    found = [f for f in later if f.rule != "watch.detectors.shape"]  # windows see it too, in a finding of their own
    opened, *risen, closed = found
    assert {f.finding_id for f in found} == {opened.finding_id}
    assert len(risen) <= 10
    for before, after in pairwise((opened, *risen)):  # said anew only when it became surer, or its evidence doubled
        assert after.confidence > before.confidence or evidence(after) >= 2 * evidence(before)
    assert opened.attribution[0].channel == "q3.canary_error"
    assert T0 + 2_000 * 10**9 <= opened.start_ns <= T0 + 2_040 * 10**9
    assert closed.stop_ns > opened.stop_ns
    assert closed.confidence >= 0.9
    assert closed.confidence >= opened.confidence
    assert opened.evidence[0].digest == ""
    assert "impair.crosstalk_hammering" in opened.techniques
    assert {c.cause for c in opened.causes} >= {"watch.causes.warm_up", "watch.causes.tls_jump"}


def test_findings_do_not_depend_on_the_size_of_chunks() -> None:
    values = gaussian(np.random.default_rng(2), 2_000, 5)
    values[1_200:1_230, 1] += 9
    series = stream(values)
    sets = [{(f.finding_id, f.rule) for f in feed(watch(), series, chunk)} for chunk in (1, 33, 2_000)]
    assert sets[0]
    assert {i for i, _ in sets[0]} == {i for i, _ in sets[1]} == {i for i, _ in sets[2]}


def test_learning_says_how_long_it_takes_and_a_new_channel_map_learns_anew() -> None:
    room = watch()
    series = stream(gaussian(np.random.default_rng(3), 700, 2), hz=4.0)
    feed(room, series.rows(0, 240))
    status = room.status()[0]
    assert (status.state, status.reason) == ("learning", "learning: 240 of 600 rows, about 90 s")
    feed(room, series.rows(240, 700))
    assert room.status()[0].state == "watching"
    other = stream(gaussian(np.random.default_rng(4), 50, 3), hz=4.0, start_ns=T0 + 300 * 10**9)
    assert feed(room, other) == []
    assert room.status()[0].state == "learning"
    assert "channels changed" in room.status()[0].reason


@pytest.mark.parametrize("between", [[3], [3, 1], [3, 1, 3]])
def test_channels_that_drop_out_go_on_where_they_were_when_they_come_back(between: list[int]) -> None:
    room = watch()
    values = gaussian(np.random.default_rng(3), 2_000, 2)
    values[1_600:1_700, 1] += 12
    series = stream(values, hz=4.0)
    feed(room, series.rows(0, 1_000))
    assert room.status()[0].state == "watching"
    for i, width in enumerate(between):
        start_ns = int(series.t_ns[999]) + (i + 1) * 10**7
        assert feed(room, stream(gaussian(np.random.default_rng(4), 5, width), hz=1_000.0, start_ns=start_ns)) == []
        assert room.status()[0].state == "learning"
    found = feed(room, series.rows(1_000, 2_000))
    assert room.status()[0].state == "watching"
    assert {f.start_ns // 10**9 for f in found} & {int(t) // 10**9 for t in series.t_ns[1_600:1_640]}


def test_a_changed_rate_learns_anew_and_an_unseen_channel_degrades() -> None:
    room = watch()
    feed(room, stream(gaussian(np.random.default_rng(5), 800, 3)))
    values = gaussian(np.random.default_rng(6), 600, 3)
    values[:, 1] = np.nan
    feed(room, stream(values, start_ns=T0 + 800 * 10**9))
    assert room.status()[0].state == "degraded"
    assert "q1.canary_error" in room.status()[0].reason
    feed(room, stream(gaussian(np.random.default_rng(7), 100, 3), hz=10, start_ns=T0 + 1_500 * 10**9))
    assert "rate changed" in room.status()[0].reason


def test_late_rows_are_counted_and_not_scored() -> None:
    room = watch()
    series = stream(gaussian(np.random.default_rng(8), 800, 2))
    feed(room, series)
    late = stream(np.full((10, 2), 50.0), start_ns=T0 + 500 * 10**9 + 1)
    assert feed(room, late) == []
    assert "10 late rows" in room.status()[0].reason


def test_silence_is_one_finding_and_ends() -> None:
    clock = ManualClock(T0)
    room = watch(clock)
    series = stream(gaussian(np.random.default_rng(9), 700, 2))
    for i in range(0, 690, 10):
        clock.set_ns(int(series.t_ns[i + 9]))
        room.observe(series.rows(i, i + 10))
    assert room.tick(clock.now_ns() + 30 * 10**9) == []
    clock.set_ns(clock.now_ns() + 300 * 10**9)
    found = room.tick(clock.now_ns())
    assert [f.rule for f in found] == ["watch.quality.silent"]
    assert room.tick(clock.now_ns() + 10**9) == []
    assert room.status()[0].state == "silent"
    back = room.observe(series.rows(690, 700))
    assert found[0].finding_id in {f.finding_id for f in back}
    assert room.status()[0].state == "watching"


def test_prime_makes_a_restart_watch_at_once() -> None:
    series = stream(gaussian(np.random.default_rng(10), 1_400, 4))
    room = watch()
    room.prime([series.rows(0, 700), series.rows(700, 1_300)])
    assert room.status()[0].state == "watching"
    values = series.values.copy()[1_300:]
    values[50:60, 2] += 12
    assert feed(room, stream(values, start_ns=int(series.t_ns[1_300])), 10)


def snapshot(day: int, rng: np.random.Generator, **changes: float) -> DeviceSnapshot:
    t = T0 + day * DAY
    parameters = []
    for q in range(20):
        parameters += [
            Parameter(component=f"q{q}", name="frequency", value=5e9 + 5e7 * (q % 7) + changes.get("retune", 0) * q, unit="Hz", t_ns=t),
            Parameter(component=f"q{q}", name="T1", value=1e-4 * np.exp(0.25 * rng.normal()), unit="s", t_ns=t),
            Parameter(
                component=f"q{q}", name="readout_error",
                value=0.02 * changes.get("error", 1.0) * np.exp(0.25 * rng.normal()), unit="1",
                t_ns=t - int(changes.get("age_h", 1) * 3.6e12),
            ),
            Parameter(component=f"q{q}", name="gate_length", value=3.5e-8 * changes.get("length", 1.0), unit="s", t_ns=t),
        ]  # fmt: skip
    return DeviceSnapshot(device="lab", t_ns=t, qubits=20, parameters=tuple(parameters))


def test_ordinary_days_are_quiet_and_each_change_is_named() -> None:
    rng = np.random.default_rng(11)
    room = watch()
    assert [f for day in range(60) for f in room.observe(snapshot(day, rng))] == []
    assert {f.rule for f in room.observe(snapshot(60, rng, error=0.5))} == {"watch.detectors.day_to_day"}
    room.observe(snapshot(61, rng))
    changed = room.observe(snapshot(62, rng, length=1.02))
    assert changed[0].attribution[0].channel.endswith(".gate_length")
    room.observe(snapshot(63, rng))
    swapped = [f for f in room.observe(snapshot(64, rng, retune=3e6)) if f.rule.endswith("identity")]
    assert swapped[0].techniques == ("impair.device_substitution",)
    stale = [f for f in room.observe(snapshot(65, rng, age_h=400)) if f.rule.endswith("stale")]
    assert len(stale) == 1
    assert "20 of 80 dated figures" in stale[0].detail


def test_a_record_id_with_two_contents_is_found() -> None:
    room = watch()
    one = Event(event_id="e1", device="lab", t_ns=T0, activity="RunJob", actor="a")
    other = Event(event_id="e1", device="lab", t_ns=T0, activity="calibration.write", actor="a")
    assert room.observe(one) == []
    assert room.observe(one) == []
    assert [f.rule for f in room.observe(other)] == ["watch.quality.duplicate"]


def test_the_timing_channel_is_found_and_ordinary_jitter_is_not() -> None:
    rng = np.random.default_rng(12)
    n = 40_000
    jitter = rng.normal(size=(n, 2)) * 5e-12
    jitter[30_000:, 0] += rng.choice([-1, 1], n - 30_000) * 0.6 * 5e-12
    series = stream(jitter, hz=500, names=("pulse.timing", "reference.timing"), units=("s", "s"), name="control")
    found = feed(watch(), series, 1_000)
    assert found
    assert all(f.start_ns >= series.t_ns[30_000] for f in found)
    timing = [f for f in found if f.rule == "watch.covert.timing"]
    assert timing[0].techniques == ("exfiltration.timing_covert_channel",)
    assert timing[0].start_ns < series.t_ns[36_000]


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_replay_is_found_also_with_some_noise_and_slow_courses_are_none(noise: float) -> None:
    rng = np.random.default_rng(13)
    values = 0.01 + 1e-4 * np.cumsum(rng.normal(size=(3_000, 3)), axis=0) * 0.05 + 1e-4 * rng.normal(size=(3_000, 3))
    assert [f for f in feed(watch(), stream(values.copy())) if f.rule == "watch.covert.noisy_replay"] == []
    values[2_000:2_500] = values[1_203:1_703] + noise * 1e-4 * rng.normal(size=(500, 3))
    found = [f for f in feed(watch(), stream(values)) if f.rule == "watch.covert.noisy_replay"]
    assert len(found) == 2
    assert found[0].finding_id == found[1].finding_id
    assert abs(found[0].start_ns - (T0 + 2_000 * 10**9)) <= 128 * 10**9
    assert abs(found[1].stop_ns - (T0 + 2_500 * 10**9)) <= 128 * 10**9
    assert "797 rows before" in found[0].detail
    assert found[0].techniques == ("evasion.telemetry_replay",)


def test_a_state_that_stays_is_one_finding_and_is_not_learnt_and_the_next_change_is_another() -> None:
    rng = np.random.default_rng(3)
    slow = np.convolve(rng.normal(size=17_040), np.ones(40) / 6, mode="valid")[:17_000]
    values = np.stack([slow, slow, -slow], axis=1) + 0.1 * rng.normal(size=(17_000, 3))
    values[14_000:, 1] += 2
    values[15_500:15_560, 2] += 40
    found = [f for f in feed(watch(), stream(values), 500) if f.rule == "watch.detectors.shape"]
    assert [round((f.start_ns - T0) / 1e9 / 10) for f in found] == [1_400, 1_400, 1_550, 1_550]
    assert len({f.finding_id for f in found}) == 2
    assert 290 < (found[1].stop_ns - found[1].start_ns) / 1e9 < 320
    assert "stays in a state it was not learnt in" in found[1].detail


def test_refits_in_the_background_change_nothing_but_when_they_are_computed() -> None:
    values = gaussian(np.random.default_rng(12), 6_000, 5)
    values[4_000:4_030, 1] += 9
    series = stream(values)
    with ThreadPoolExecutor(max_workers=1) as pool:
        behind = watching_of(WatchSettings(learning_s=10.0), ManualClock(T0 + 400 * DAY), lambda _: Scene(), pool)
        there = feed(behind, series, 50)
    here = feed(watch(), series, 50)
    assert [(f.finding_id, f.start_ns, f.confidence) for f in there] == [
        (f.finding_id, f.start_ns, f.confidence) for f in here
    ]
    assert there


def test_trouble_on_many_devices_at_once_needs_less_of_it_on_each() -> None:
    budget = SharedBudget(2.0)
    budget.join(80)
    share = budget.share
    streams = [("local", f"d{i}", "s") for i in range(8)]
    assert budget.together(streams[0], T0) == 1
    for i, stream_key in enumerate(streams):
        budget.suspect(stream_key, T0 + i * 10**9, 7 * share)
    assert budget.together(streams[0], T0 + 8 * 10**9) == 8
    assert budget.together(("another", "d0", "s"), T0 + 8 * 10**9) == 1
    assert budget.together(streams[0], T0 + 62 * 10**9) == 1  # fewer than seven are recent enough


def test_a_finding_names_the_channels_that_moved() -> None:
    values = gaussian(np.random.default_rng(20), 3_000, 12)
    values[2_000:2_100, [3, 7]] += 6
    found = [f for f in feed(watch(), stream(values), 50) if f.start_ns >= T0 + 1_990 * 10**9]
    assert "2 of 12 channels moved" in found[0].detail
    assert "q3.canary_error, q7.canary_error" in found[0].detail


def test_a_slow_stream_is_learnt_from_by_hours_and_none_from_fewer_than_64_rows() -> None:
    settings = WatchSettings()
    assert settings.rows(1.0, 20_000) == 600
    assert settings.rows(1 / 60, 20_000) == 360
    assert settings.rows(1 / 900, 20_000) == 64
    assert settings.rows(1_000.0, 20_000) == 20_000
    assert settings.rows(0.0, 20_000) == 600


def test_no_row_of_a_chunk_is_passed_over_when_learning_ends_in_it() -> None:
    """A pulse tube stops within the chunk in which its stream is learnt: it is seen, however the input is cut."""
    values = wandering(np.random.default_rng(2), 900, 3)
    values[700:] += 60
    found = [
        {f.rule for f in feed(watch(), stream(values), size) if f.start_ns >= T0 + 695 * 10**9} for size in (900, 64)
    ]
    assert found[0]
    assert found[0] == found[1]
