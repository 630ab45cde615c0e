"""Detection is not silenced by the order of rows: ahead, out of order, or both."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, gaussian, stream
from tests.watching import watching_of

from mumetal.app.pipeline.arrivals import FEW, PATIENT, PATIENT_NS, Arrivals
from mumetal.app.pipeline.watching import Watching
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.watch.settings import WatchSettings

S = 10**9
HOUR = 3_600 * S
DAY = 24 * HOUR
AHEADS = [300 * S, DAY, 170 * 365 * DAY]


class Watched:
    """A stream at one row a second, watched live: the clock is at its newest honest row."""

    def __init__(self) -> None:
        self.clock = ManualClock(T0)
        self.room: Watching = watching_of(WatchSettings(learning_s=10.0), self.clock, lambda _: Scene())
        self.values = gaussian(np.random.default_rng(5), 1_200, 3)
        self.send(0, 900)

    def rows(self, start: int, stop: int) -> Series:
        """Return honest rows."""
        return stream(self.values[start:stop], start_ns=T0 + start * S)

    def send(self, start: int, stop: int) -> list[Finding]:
        """Send honest rows as they come."""
        self.clock.set_ns(T0 + (stop - 1) * S)
        return self.room.observe(self.rows(start, stop))

    def put(self, at_ns: int, value: float, rows: int = 1) -> list[Finding]:
        """Send rows as an attacker does."""
        return self.room.observe(stream(np.full((rows, 3), value), start_ns=at_ns))


@pytest.mark.parametrize("ahead_ns", AHEADS)
def test_a_row_dated_ahead_blinds_nothing_and_is_counted(ahead_ns: int) -> None:
    watched = Watched()
    watched.put(T0 + 899 * S + ahead_ns, 0.0)
    watched.values[950:960] += 50
    found = [f for start in range(900, 1_000, 10) for f in watched.send(start, start + 10)]
    assert {f.start_ns for f in found if f.start_ns >= T0 + 949 * S} >= {T0 + 950 * S}
    (health,) = watched.room.status()
    assert "1 rows dated ahead of now were stored and not scored" in health.reason
    assert watched.room.judged_until(watched.rows(0, 1)) == T0 + 999 * S


def test_rows_dated_ahead_again_and_again_between_honest_ones_never_move_the_clock() -> None:
    watched = Watched()
    for k in range(128):
        watched.put(T0 + (900 + k) * S + 3_600 * S, 0.0)
        watched.send(900 + k, 901 + k)
    watched.values[1_100:1_110] += 50
    assert [f for start in range(1_028, 1_150) for f in watched.send(start, start + 1)]


@pytest.mark.parametrize("ahead_ns", [25 * HOUR, 365 * DAY])
def test_one_batch_of_rows_dated_ahead_blinds_nothing(ahead_ns: int) -> None:
    watched = Watched()
    watched.put(T0 + 899 * S + ahead_ns, 0.0, 64)
    watched.values[950:1_000] += 20
    found = [f for start in range(900, 1_000, 10) for f in watched.send(start, start + 10)]
    assert {f.start_ns for f in found if f.start_ns >= T0 + 949 * S} >= {T0 + 950 * S}
    (health,) = watched.room.status()
    assert "late" not in health.reason
    assert "64 rows dated ahead" in health.reason


@pytest.mark.parametrize("ahead_ns", [13 * HOUR, 25 * HOUR, 365 * DAY])
def test_a_stream_whose_first_rows_are_dated_ahead_is_learnt_and_judged_from_its_rows_on_time(ahead_ns: int) -> None:
    clock = ManualClock(T0)
    room = watching_of(WatchSettings(learning_s=10.0), clock, lambda _: Scene())
    room.observe(stream(np.zeros((64, 3)), start_ns=T0 + ahead_ns))
    (health,) = room.status()
    assert health.state == "degraded"
    assert health.reason.startswith("nothing of what came last was judged")
    values = gaussian(np.random.default_rng(5), 1_000, 3)
    values[950:] += 50
    clock.set_ns(T0 + 899 * S)
    assert room.observe(stream(values[:900])) == []
    (health,) = room.status()
    assert health.state == "watching"
    clock.set_ns(T0 + 999 * S)
    assert room.observe(stream(values[900:], start_ns=T0 + 900 * S))


def test_a_stream_of_which_all_that_comes_is_dated_ahead_is_not_called_watched() -> None:
    watched = Watched()
    for _ in range(FEW):
        watched.put(T0 + 899 * S + 25 * HOUR, 0.0)
    assert [h.state for h in watched.room.status()] == ["degraded"]
    watched.send(900, 901)
    assert [h.state for h in watched.room.status()] == ["watching"]


@pytest.mark.parametrize("known", [True, False])
def test_a_clock_that_is_ahead_for_good_is_taken_after_many_deliveries_and_a_long_time(known: bool) -> None:
    arrivals = Arrivals.since(T0, T0) if known else Arrivals()
    step = PATIENT_NS // (2 * PATIENT)

    def taken(turn: int, ahead_ns: int = 9 * HOUR) -> int:
        now_ns = T0 + turn * step
        fresh, late = arrivals.sort(stream(np.zeros((1, 3)), start_ns=now_ns + ahead_ns), now_ns, 120 * S)
        return len(fresh) + len(late)

    assert [taken(k) for k in range(2 * PATIENT)] == [0] * 2 * PATIENT, "many deliveries, and not long enough"
    assert taken(2 * PATIENT, 0) == 1, "one on time, and it waits anew"
    assert [taken(k) for k in range(2 * PATIENT + 1, 4 * PATIENT + 2)] == [0] * 2 * PATIENT + [1]
    assert [taken(k) for k in range(4 * PATIENT + 2, 4 * PATIENT + 9)] == [1] * 7
    assert arrivals.degraded.startswith("its newest row is dated far ahead of now")
    few = Arrivals()
    for turn in range(PATIENT - 1):
        assert not len(few.sort(stream(np.zeros((1, 3)), start_ns=T0 + turn * HOUR + DAY), T0 + turn * HOUR, 0)[0])


def test_after_a_clock_ahead_was_taken_rows_on_time_are_judged_by_themselves_and_it_is_told() -> None:
    watched = Watched()
    for k in range(PATIENT + 1):  # while the device's own rows have stopped
        watched.clock.set_ns(T0 + 900 * S + k * PATIENT_NS // PATIENT)
        watched.put(watched.clock.now_ns() + 25 * HOUR, 0.0)
    watched.values[1_000:] += 20
    now_ns = watched.clock.now_ns()
    found = []
    for start in range(950, 1_100, 10):
        watched.clock.set_ns(now_ns + start * S)
        found += watched.room.observe(stream(watched.values[start : start + 10], start_ns=now_ns + start * S - 9 * S))
    assert min(f.start_ns for f in found) == now_ns + 991 * S
    (health,) = watched.room.status()
    assert health.state == "degraded"
    assert health.reason.startswith("its newest row is dated far ahead of now")


@pytest.mark.parametrize("seed", range(20))
def test_every_row_on_time_is_judged_however_rows_ahead_come_between(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrivals, now_ns, honest, longest = Arrivals(), T0, 0, 0
    for _ in range(60):
        pushes = int(rng.integers(0, 3 * PATIENT))  # from none to more than it takes to move the clock
        near = [60 * S, 119 * S] if rng.random() < 0.5 else []
        for _ in range(pushes):
            now_ns += int(rng.integers(1, 100)) * S
            ahead_ns = int(rng.choice([*near, 300 * S, 13 * HOUR, 25 * HOUR, 365 * DAY]))
            arrivals.sort(stream(np.zeros((int(rng.integers(1, 65)), 3)), start_ns=now_ns + ahead_ns), now_ns, 10 * S)
            longest = max(longest, arrivals.lead_ns)
        now_ns += 10 * S
        own, mixed = now_ns - np.arange(5, 0, -1) * S, now_ns + rng.integers(1, 3, 1) * DAY
        times = np.concatenate([own, mixed]) if rng.random() < 0.5 else own
        rows = replace(stream(np.zeros((len(times), 3))), t_ns=times)
        fresh, late = arrivals.sort(rows, now_ns, 10 * S)
        honest += 5
        assert set(own.tolist()) <= {*fresh.t_ns.tolist(), *late.t_ns.tolist()}
    assert honest == 300
    assert arrivals.late == 0
    assert longest > 0, "the clock was moved, and even so"


@pytest.mark.parametrize("late_s", [1, 20, 100])
def test_rows_out_of_order_within_the_lateness_are_judged(late_s: int) -> None:
    watched = Watched()
    found = []
    for start in range(900, 940, 2):
        watched.send(start + late_s, start + late_s + 1)
        found += watched.put(T0 + start * S, 9_800.0)
    assert found
    assert all(f.start_ns < T0 + 940 * S for f in found)


def test_one_strange_row_out_of_order_is_found_by_itself_and_honest_ones_are_not() -> None:
    watched = Watched()
    watched.send(901, 950)
    assert watched.room.observe(watched.rows(900, 901)) == []
    assert watched.put(T0 + 905 * S, 9_800.0)


def test_what_is_later_than_the_lateness_is_stored_and_counted() -> None:
    watched = Watched()
    assert watched.put(T0 + 700 * S, 9_800.0) == []
    (health,) = watched.room.status()
    assert "1 late rows were stored and not scored" in health.reason
