"""Clocks that are moved, hurried, or live only while everybody waits."""

import queue
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumetal.core.clock import Clock, ManualClock, PacedClock, SystemClock
from mumetal.core.errors import BadInputError
from mumetal.redteam import virtual_clock
from mumetal.redteam.virtual_clock import VirtualClock

T0 = 1_790_000_000 * 10**9
S = 10**9
HOUR = 3_600.0


def together(clock: VirtualClock, *runs: Callable[[], None]) -> None:
    """Run each in a thread that takes part, started in order at one moment; returns when all ended."""
    with clock.taking_part():
        threads = [clock.thread(run, f"part {k}") for k, run in enumerate(runs)]
        for one in threads:
            one.start()
    for one in threads:
        one.join(60)
        assert not one.is_alive(), "it waits for ever"


@pytest.mark.parametrize("make", [SystemClock, lambda: PacedClock(T0, 100.0), lambda: VirtualClock(T0)])
def test_every_clock_has_flags_and_threads_that_get_through_at_once(make: Callable[[], Clock]) -> None:
    clock = make()
    flag, seen = clock.flag(), queue.Queue[bool]()
    assert not flag.wait(0.0)
    assert not flag.wait(1e-3)
    thread = clock.thread(lambda: seen.put(flag.wait(HOUR * 24 * 365 * 50)), "waits")
    thread.start()
    flag.set()
    thread.join(60)
    assert seen.get(timeout=60)
    assert flag.wait(0.0)
    assert flag.wait()
    flag.clear()
    assert not flag.is_set()


def test_a_paced_clock_runs_faster_and_agrees_with_itself() -> None:
    clock = PacedClock(T0, 10_000.0)
    began = time.monotonic()
    clock.sleep(100.0)
    assert clock.monotonic_ns() >= 100 * S
    assert not clock.flag().wait(100.0)
    assert clock.now_ns() - T0 >= 200 * S
    assert clock.now_ns() - T0 <= (time.monotonic() - began + 1) * 10_000 * S


def test_a_manual_clock_ends_a_wait_when_it_is_moved_past_it() -> None:
    clock = ManualClock(T0)
    flag, ended = clock.flag(), queue.Queue[tuple[bool, int]]()
    thread = clock.thread(lambda: ended.put((flag.wait(10.0), clock.monotonic_ns())), "waits")
    thread.start()
    while not ended.qsize():
        clock.sleep(1.0)
    rang, at = ended.get()
    assert not rang
    assert at >= 10 * S
    thread.join(60)


def test_a_virtual_day_passes_at_once_and_both_readings_agree() -> None:
    clock = VirtualClock(T0)
    clock.sleep(24 * HOUR)
    assert (clock.now_ns(), clock.monotonic_ns()) == (T0 + 86_400 * S, 86_400 * S)
    clock.sleep(0.0)
    clock.sleep(-1.0)
    assert clock.monotonic_ns() == 86_400 * S


def test_a_length_that_is_no_number_and_an_impossible_slack_or_speed_are_refused() -> None:
    with pytest.raises(BadInputError):
        VirtualClock(T0).sleep(float("nan"))
    for slack_s in (-1.0, 1e9, float("nan")):
        with pytest.raises(BadInputError):
            VirtualClock(T0, slack_s=slack_s)
    for speed in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(BadInputError):
            PacedClock(T0, speed)


@given(
    st.lists(st.lists(st.integers(min_value=0, max_value=20), min_size=1, max_size=6), min_size=1, max_size=5),
)
def test_threads_wake_in_the_order_of_their_times_and_at_their_times(plans: list[list[int]]) -> None:
    clock = VirtualClock(T0)
    seen: list[tuple[int, int, int]] = []

    def live(k: int, plan: list[int]) -> None:
        at = 0
        for step in plan:
            clock.sleep(float(step))
            at += step
            seen.append((clock.monotonic_ns(), at * S, k))  # no lock: of threads that sleep one runs at a time

    together(clock, *[lambda k=k, plan=plan: live(k, plan) for k, plan in enumerate(plans)])
    assert [now for now, _, _ in seen] == [due for _, due, _ in seen]
    # a first step of 0 s is taken at once; from then on the order is that of time
    assert [now for now, _, _ in seen if now] == sorted(now for now, _, _ in seen if now)
    assert clock.monotonic_ns() == max(sum(plan) for plan in plans) * S


def test_the_same_program_runs_in_the_same_order_each_time() -> None:
    def once() -> list[str]:
        clock, order = VirtualClock(T0, slack_s=2.0), list[str]()
        stop = clock.flag()

        def looks(name: str, every_s: float) -> None:
            while not stop.wait(every_s):
                order.append(f"{name} {clock.monotonic_ns() // 10**6}")

        def ends() -> None:
            clock.sleep(100.0)
            stop.set()

        together(clock, lambda: looks("a", 0.7), lambda: looks("b", 1.0), lambda: looks("c", 1.0), ends)
        return order

    first = once()
    assert len(first) > 100
    assert all(once() == first for _ in range(5))


def test_time_stands_still_while_somebody_works() -> None:
    clock = VirtualClock(T0)
    release, seen = threading.Event(), list[int]()

    def works() -> None:
        release.wait(60)  # as if a disk or a peer took its time
        seen.append(clock.monotonic_ns())

    def hurries() -> None:
        clock.sleep(HOUR)
        seen.append(clock.monotonic_ns())

    with clock.taking_part():
        threads = [clock.thread(works, "works"), clock.thread(hurries, "hurries")]
        for one in threads:
            one.start()
    time.sleep(0.05)
    assert clock.monotonic_ns() == 0
    release.set()
    for one in threads:
        one.join(60)
    assert seen == [0, 3_600 * S]


def asked_and_served() -> list[int]:
    """Return when a thread served what another asked for at 1 s, before it slept for an hour."""
    clock = VirtualClock(T0)
    work, seen = clock.flag(), list[int]()

    def serves() -> None:
        work.wait()
        seen.append(clock.monotonic_ns())

    def asks() -> None:
        clock.sleep(1.0)
        work.set()
        clock.sleep(HOUR)

    together(clock, serves, asks)
    return seen


def test_a_thread_that_was_woken_is_waited_for_before_time_goes_on() -> None:
    """The wake-up is counted when the flag is set, not when the thread happens to run: nothing slips past it."""
    for _ in range(200):
        assert asked_and_served() == [S]


def test_no_wake_up_is_lost_between_many_threads() -> None:
    """A token goes round; each hand-over is a flag, each holder also sleeps: a lost one would stop everything."""
    clock, n, rounds = VirtualClock(T0), 6, 100
    flags = [clock.flag() for _ in range(n)]
    passed: list[int] = []

    def live(k: int) -> None:
        for _ in range(rounds):
            assert flags[k].wait(HOUR)
            flags[k].clear()
            passed.append(k)
            clock.sleep(0.25 * (k % 3))
            flags[(k + 1) % n].set()

    flags[0].set()
    together(clock, *[lambda k=k: live(k) for k in range(n)])
    assert passed == list(range(n)) * rounds
    assert clock.monotonic_ns() == rounds * n * S // 4


def test_a_flag_set_from_outside_gets_through_while_time_stands_still() -> None:
    clock, answered = VirtualClock(T0), queue.Queue[int]()
    asked = clock.flag()

    def serves() -> None:
        while asked.wait(HOUR):
            asked.clear()
            answered.put(clock.monotonic_ns())
            if answered.qsize() == 3:
                return

    with clock.taking_part():  # busy with the answers: no time passes
        served = clock.thread(serves, "serves")
        served.start()
        for count in range(1, 4):
            outside = threading.Thread(target=asked.set)
            outside.start()
            outside.join(60)
            while answered.qsize() < count:
                time.sleep(0)
    served.join(60)
    assert [answered.get() for _ in range(3)] == [0, 0, 0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_or_raises_holds_nobody_up() -> None:
    clock = VirtualClock(T0)

    def raises() -> None:
        clock.sleep(1.0)
        raise ZeroDivisionError

    together(clock, lambda: None, raises, lambda: clock.sleep(HOUR))
    assert clock.monotonic_ns() == 3_600 * S


def test_a_thread_that_cannot_start_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(T0)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            clock.thread(lambda: None, "never").start()
    clock.sleep(HOUR)
    assert clock.monotonic_ns() == 3_600 * S


def test_what_is_raised_into_a_wait_leaves_the_thread_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(T0)

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    class Wait(virtual_clock._Wait):
        def __init__(self, flag: object, end_ns: int, latest_ns: int, *, takes_part: bool) -> None:
            super().__init__(None, end_ns, latest_ns, takes_part=takes_part)
            self.over = Interrupted()

    with clock.taking_part():
        with monkeypatch.context() as patch:
            patch.setattr(virtual_clock, "_Wait", Wait)
            with pytest.raises(KeyboardInterrupt):
                clock.flag().wait()
        waiting = clock.thread(lambda: clock.sleep(HOUR), "waits")
        waiting.start()
        time.sleep(0.05)
        assert clock.monotonic_ns() == 0
    waiting.join(60)
    assert clock.monotonic_ns() == 3_600 * S


def test_stopping_gets_through_at_once_and_can_be_joined_while_time_stands_still() -> None:
    clock = VirtualClock(T0)
    stop = clock.flag()

    def waits() -> None:
        assert stop.wait(HOUR)

    with clock.taking_part():
        waiting = [clock.thread(waits, f"waits {k}") for k in range(5)]
        for one in waiting:
            one.start()
        clock.sleep(1.0)
        stop.set()
        for one in waiting:
            one.join(60)
            assert not one.is_alive()
        assert clock.monotonic_ns() == S


def test_slack_lets_waits_end_together_and_leaves_sleeps_exact() -> None:
    clock = VirtualClock(T0, slack_s=10.0)
    never = clock.flag()
    seen: dict[str, list[float]] = {"looks": [], "sleeps": []}

    def looks() -> None:
        while clock.monotonic_ns() < 60 * S:
            assert not never.wait(0.5)
            seen["looks"].append(clock.monotonic_ns() / S)

    def sleeps() -> None:
        for _ in range(2):
            clock.sleep(25.0)
            seen["sleeps"].append(clock.monotonic_ns() / S)

    together(clock, looks, sleeps)
    assert seen == {"looks": [10.5, 21.0, 25.0, 35.5, 46.0, 50.0, 60.5], "sleeps": [25.0, 50.0]}


def test_taking_part_twice_is_taking_part_once() -> None:
    clock = VirtualClock(T0)
    seen: list[bool] = []
    with clock.taking_part():
        with clock.taking_part():
            seen.append(clock.takes_part)
        seen.append(clock.takes_part)
        clock.sleep(1.0)
    seen.append(clock.takes_part)
    clock.sleep(1.0)
    assert seen == [True, True, False]
    assert clock.monotonic_ns() == 2 * S
