"""Nothing under an open incident or a label of attack is learnt from."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tests.unit.watch.backgrounds import T0, gaussian, stream
from tests.unit.watch.test_watch import DAY, snapshot

from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.core.ports import Span
from mumetal.core.series import Series
from mumetal.core.subject import Subject, SubjectKind
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.refit import Refit
from mumetal.watch.rows import within
from mumetal.watch.settings import WatchSettings
from mumetal.watch.slow import SnapshotMonitor
from mumetal.watch.watchers.calibrations import CalibrationWatcher
from mumetal.watch.watchers.streams import StreamWatcher

S = 10**9
LEARN = WatchSettings(learning_rows=300, learning_s=0.0)
NAMES, UNITS = ("bias.a", "bias.b"), ("A", "A")
FOREVER = 2**62


def lab(rows: int) -> Series:
    return stream(gaussian(np.random.default_rng(4), rows, 2), names=NAMES, units=UNITS)


def device(name: str) -> Subject:
    return Subject(kind=SubjectKind.DEVICE, name=name, device=name)


def fed(monitor: StreamMonitor, rows: Series, chunk: int = 50) -> None:
    for row in range(0, len(rows), chunk):
        monitor.observe(rows.rows(row, min(row + chunk, len(rows))))


def under_way(monitor: StreamMonitor) -> Refit | None:
    return monitor._refit


def times(monitor: StreamMonitor) -> list[int]:
    return [int((t - T0) // S) for t in monitor._history.series().t_ns]


def test_a_stream_learns_only_from_rows_outside_what_is_barred_and_says_so() -> None:
    monitor = StreamMonitor(LEARN, SharedBudget(2.0))
    monitor.bar([(T0 + 100 * S, T0 + 200 * S)])
    fed(monitor, lab(399))
    assert monitor.state == "learning"
    assert "nothing is learnt now" not in monitor.reason
    fed(monitor, lab(500).rows(399, 500))
    assert monitor.state == "watching"
    assert not {*range(100, 200)} & {*times(monitor)}
    monitor.bar([(T0 + 450 * S, FOREVER)])
    assert "nothing is learnt now" in monitor.reason


def test_what_was_learnt_from_rows_that_a_person_calls_an_attack_is_forgotten_and_fitted_anew_without_them() -> None:
    monitor = StreamMonitor(LEARN, SharedBudget(2.0))
    values = gaussian(np.random.default_rng(4), 1_200, 2)
    values[:300, 1] += np.where(np.arange(300) % 2, 6.0, -6.0)  # taught from the start: to it, this is ordinary
    rows = stream(values, names=NAMES, units=UNITS)
    fed(monitor, rows.rows(0, 300))
    taught = monitor._ensemble
    assert taught is not None
    monitor.bar([(T0, T0 + 300 * S)])
    fed(monitor, rows.rows(300, 400))
    assert monitor.state == "learning"
    assert "most of what it was learnt from" in monitor.reason
    fed(monitor, rows.rows(400, 1_100))
    assert min(times(monitor)) >= 300
    assert monitor._ensemble is not taught
    probe = values[1_100:1_160].copy()
    probe[10:, 1] += np.where(np.arange(50) % 2, 6.0, -6.0)
    again = stream(probe, names=NAMES, units=UNITS, start_ns=int(rows.t_ns[1_099]) + S)
    assert monitor.observe(again)


def test_a_refit_that_may_be_learning_from_what_is_barred_now_never_takes_over() -> None:
    monitor = StreamMonitor(LEARN, SharedBudget(2.0), ThreadPoolExecutor(1))
    rows = lab(1_400)
    row = 0
    while under_way(monitor) is None:
        monitor.observe(rows.rows(row, row + 10))
        row += 10
    begun = under_way(monitor)
    first, last = row - 40, row - 1
    monitor.bar([(int(rows.t_ns[first]), int(rows.t_ns[last]))])
    assert under_way(monitor) is None
    while under_way(monitor) is None:
        monitor.observe(rows.rows(row, row + 10))
        row += 10
    assert under_way(monitor) is not begun
    assert not {*range(first, last)} & {*times(monitor)}


def test_a_few_rows_under_an_alert_of_its_own_neither_close_it_nor_stop_the_watching() -> None:
    monitor = StreamMonitor(LEARN, SharedBudget(2.0))
    values = gaussian(np.random.default_rng(4), 700, 2)
    values[350:, 0] += 12
    rows = stream(values, names=NAMES, units=UNITS)
    fed(monitor, rows.rows(0, 400))
    assert monitor.out
    monitor.bar([(T0 + 340 * S, FOREVER)])
    fed(monitor, rows.rows(400, 700))
    assert monitor.out
    assert monitor.state == "watching"


def test_a_device_that_is_barred_bars_its_streams_and_no_other_device() -> None:
    watcher = StreamWatcher(LEARN, SharedBudget(2.0))
    rows = lab(400)
    watcher.bar([Span(tenant="local", subject=device("lab"), start_ns=T0, stop_ns=FOREVER)])
    watcher.observe([rows], T0)
    assert watcher.health(T0)[0].state == "learning"
    other = StreamWatcher(LEARN, SharedBudget(2.0))
    other.bar([Span(tenant="local", subject=device("fridge"), start_ns=T0, stop_ns=FOREVER)])
    other.observe([rows], T0)
    assert other.health(T0)[0].state == "watching"


def test_snapshots_that_a_person_calls_an_attack_are_forgotten() -> None:
    monitor, rng = SnapshotMonitor(), np.random.default_rng(3)
    sets = [snapshot(day, rng).series() for day in range(8)]
    for row in sets:
        monitor.observe(row)
    start = int(sets[5].t_ns[0])
    monitor.bar([(start, start + DAY)])
    assert monitor._history is not None
    assert start not in monitor._history.t_ns
    assert len(monitor._history) == 7
    monitor.bar([(0, FOREVER)])
    assert monitor.state == "learning"


def test_a_stream_whose_first_rows_are_barred_learns_from_those_after() -> None:
    monitor = StreamMonitor(LEARN, SharedBudget(2.0))
    monitor.bar([(T0 - S, T0 + 20 * S)])
    fed(monitor, lab(50))
    assert times(monitor) == [*range(20, 50)]


def test_a_restart_between_the_label_and_the_next_row_does_not_save_what_the_attack_taught() -> None:
    values = gaussian(np.random.default_rng(4), 700, 2)
    values[:300, 1] += np.where(np.arange(300) % 2, 6.0, -6.0)
    rows, bad = stream(values, names=NAMES, units=UNITS), [(T0, T0 + 300 * S)]
    before, after = StreamMonitor(LEARN, SharedBudget(2.0)), StreamMonitor(LEARN, SharedBudget(2.0))
    fed(before, rows.rows(0, 300))
    before.bar(bad)
    assert after.restore(*before.save())
    after.bar(bad)
    fed(after, rows.rows(300, 350))
    assert after.state == "learning"


def test_several_labels_that_are_each_of_a_few_rows_count_together() -> None:
    monitor = StreamMonitor(LEARN, SharedBudget(2.0))
    fed(monitor, lab(300))
    bad: list[tuple[int, int]] = []
    for start in range(0, 250, 50):
        bad.append((T0 + start * S, T0 + (start + 50) * S))
        monitor.bar(bad)
    fed(monitor, lab(320).rows(300, 320))
    assert monitor.state == "learning"


def test_small_incidents_one_after_another_do_not_put_a_refit_off_for_ever() -> None:
    monitor = StreamMonitor(LEARN, SharedBudget(2.0))
    rows = lab(3_000)
    fed(monitor, rows.rows(0, 400))
    first, bad = monitor._ensemble, list[tuple[int, int]]()
    for row in range(400, 3_000, 50):
        fed(monitor, rows.rows(row, row + 50))
        bad.append((int(rows.t_ns[row + 10]), int(rows.t_ns[row + 11])))
        monitor.bar(bad)
    assert monitor._ensemble is not first


def test_a_calibration_under_a_span_is_no_baseline_also_when_it_comes_after() -> None:
    rng = np.random.default_rng(3)
    sets = [snapshot(day, rng) for day in range(8)]
    watcher = CalibrationWatcher()
    place, start = device(sets[0].device), sets[0].t_ns
    watcher.bar([Span(tenant="local", subject=place, start_ns=start, stop_ns=FOREVER)])
    for written in sets:
        watcher.observe([written], written.t_ns)
    assert [h.state for h in watcher.health(0)] == ["learning"]


def test_rows_read_back_after_a_restart_that_are_all_barred_do_not_keep_a_refit_waiting() -> None:
    rows = lab(12_000)
    long = WatchSettings(learning_rows=9_000, learning_s=0.0)
    before, after = StreamWatcher(long, SharedBudget(2.0)), StreamWatcher(long, SharedBudget(2.0))
    before.observe([rows.rows(0, 11_000)], T0)
    assert after.restore(before.save())
    [kept] = after._kept.values()
    assert kept.monitor.wanting is not None
    whole = Span(tenant="local", subject=device("lab"), start_ns=0, stop_ns=FOREVER)
    after.prime([rows.rows(0, 11_000)], [whole])
    assert kept.monitor.wanting is None


def test_rows_within_many_spans_that_overlap_are_those_of_a_plain_count() -> None:
    rng = np.random.default_rng(8)
    rows = lab(500)
    spans = [
        (T0 + int(a) * S, T0 + int(a + n) * S)
        for a, n in zip(rng.integers(-50, 500, 40), rng.integers(0, 60, 40), strict=True)
    ]
    plain = np.array([any(a <= t < b for a, b in spans) for t in rows.t_ns])
    np.testing.assert_array_equal(within(rows, spans), plain)
    assert not within(rows, []).any()
