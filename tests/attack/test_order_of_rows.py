"""Detection is not silenced by the order of rows: ahead, out of order, or both."""

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, gaussian, stream
from tests.watching import watching_of

from mumetal.app.pipeline.arrivals import AHEAD_NS, PATIENT, Arrivals
from mumetal.app.pipeline.watching import Watching
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.watch.settings import WatchSettings

S = 10**9
DAY = 86_400 * S
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
    for k in range(2 * PATIENT):
        watched.put(T0 + (900 + k) * S + 3_600 * S, 0.0)
        watched.send(900 + k, 901 + k)
    watched.values[1_100:1_110] += 50
    assert [f for start in range(1_028, 1_150) for f in watched.send(start, start + 1)]


def test_a_clock_that_is_ahead_by_itself_is_watched_from_its_first_row_and_one_that_jumps_after_a_minute() -> None:
    watched = Watched()
    watched.clock.set_ns(T0 + 899 * S - 9 * 3_600 * S)  # read as UTC, nine hours east of it
    own = Arrivals()
    fresh, late = own.sort(watched.rows(0, 10), T0 - 9 * 3_600 * S, 120 * S)
    assert (len(fresh), len(late), own.reason) == (10, 0, "")
    fresh, _ = own.sort(watched.rows(10, 20), T0 + 10 * S - 9 * 3_600 * S, 120 * S)
    assert len(fresh) == 10
    jumped = Arrivals.since(T0, T0)
    taken = [len(jumped.sort(watched.rows(600 + k, 601 + k), T0 + S, 120 * S)[0]) for k in range(PATIENT + 5)]
    assert taken == [0] * (PATIENT - 1) + [1] * 6
    assert AHEAD_NS == 120 * S


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


def test_a_new_stream_that_begins_in_the_future_is_not_called_watched() -> None:
    clock = ManualClock(T0)
    room = watching_of(WatchSettings(learning_s=10.0), clock, lambda _: Scene())
    room.observe(stream(np.zeros((1, 3)), start_ns=T0 + 365 * DAY))
    room.observe(stream(gaussian(np.random.default_rng(5), 900, 3)))
    (health,) = room.status()
    assert health.state == "degraded"
    assert health.reason.startswith("its newest row is dated far ahead of now")
