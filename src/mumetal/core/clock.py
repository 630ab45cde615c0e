"""Time as an argument: nothing below ``serve`` asks the operating system what time it is, or waits by itself.

A running stack makes its threads and the flags that they wait for with its clock, so that it lives on whichever it is
given: the machine's, one that a test moves, one that runs faster, or :class:`mumetal.redteam.virtual_clock.VirtualClock`.
What depends on real devices and real peers waits in real time whatever the clock is: syncing a file, the threads that
commit to the store, HTTP and its timeouts, the beat of a live page, and the patience with which an ending is awaited.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from mumetal.core.errors import BadInputError

NS = 10**9


class WaitFlag(Protocol):
    """What threads wait for on a clock; :class:`threading.Event` is one on the machine's own."""

    def set(self) -> None:
        """Set it, and let all that wait for it go on at once, whatever time it is."""
        ...

    def clear(self) -> None:
        """Take it back."""
        ...

    def is_set(self) -> bool:
        """Whether it is set."""
        ...

    def wait(self, seconds: float | None = None, /) -> bool:
        """Wait until it is set, at most ``seconds`` (s) of the clock's time; whether it was set."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    def now_ns(self) -> int:
        """Return UTC as nanoseconds since 1970."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never run backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` (s)."""
        ...

    def flag(self) -> WaitFlag:
        """Return something that threads can wait for on this clock, not set yet."""
        ...

    def thread(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Return a daemon thread, not started yet, that lives on this clock."""
        ...


class PlainThreads:
    """Threads as they are, for clocks that do not wait for them."""

    def thread(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Return a daemon thread, not started yet."""
        return threading.Thread(target=run, name=name, daemon=True)


class SystemClock(PlainThreads):
    """The machine's own clock."""

    def now_ns(self) -> int:
        """Return UTC as nanoseconds since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never run backwards."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` (s)."""
        time.sleep(seconds)

    def flag(self) -> WaitFlag:
        """Return an event of the standard library."""
        return threading.Event()


class PacedClock(PlainThreads):
    """The machine's clock, started at another time and running ``speed`` times as fast.

    Nothing waits for anybody: what takes longer than it should comes late, as it would in real time.

    Args:
        start_ns: First answer of :meth:`now_ns`, nanoseconds since 1970.
        speed: Seconds of this clock for each real second, > 0.

    Raises:
        BadInputError: It would stand still or run backwards.
    """

    def __init__(self, start_ns: int, speed: float) -> None:
        if not 0.0 < speed < math.inf:
            raise BadInputError(f"a clock runs forwards, not {speed:g} times as fast")
        self._start, self._speed, self._began = start_ns, speed, time.monotonic_ns()

    def now_ns(self) -> int:
        """Return UTC as nanoseconds since 1970."""
        return self._start + self.monotonic_ns()

    def monotonic_ns(self) -> int:
        """Return the clock's nanoseconds since it was made."""
        return round((time.monotonic_ns() - self._began) * self._speed)

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` (s) of this clock."""
        time.sleep(max(0.0, seconds) / self._speed)

    def flag(self) -> WaitFlag:
        """Return a flag whose waits are as much shorter as the clock is faster."""
        return _PacedFlag(self._speed)


class _PacedFlag(threading.Event):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else timeout / self._speed)


class ManualClock(PlainThreads):
    """A clock that moves only when told to, for tests and for replays.

    A thread that waits for a flag goes on when the flag is set, or when another thread's :meth:`sleep` moves the clock
    past the end of the wait.

    Args:
        start_ns: First answer of :meth:`now_ns`, nanoseconds since 1970.
    """

    def __init__(self, start_ns: int) -> None:
        self._now = start_ns
        self._elapsed = 0
        self._moved = threading.Condition()

    def now_ns(self) -> int:
        """Return the set time."""
        return self._now

    def monotonic_ns(self) -> int:
        """Return what :meth:`sleep` has added up; :meth:`set_ns` does not touch it."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Advance both readings by ``seconds`` (s)."""
        step = round(seconds * NS)
        with self._moved:
            self._now += step
            self._elapsed += step
            self._moved.notify_all()

    def set_ns(self, now_ns: int) -> None:
        """Set the wall time, backwards too, as an operator or an attacker may."""
        self._now = now_ns

    def flag(self) -> WaitFlag:
        """Return a flag whose waits end when it is set or the clock is moved."""
        return _ManualFlag(self, self._moved)


class _ManualFlag:
    def __init__(self, clock: ManualClock, moved: threading.Condition) -> None:
        self._clock, self._moved, self._set = clock, moved, False

    def set(self) -> None:
        with self._moved:
            self._set = True
            self._moved.notify_all()

    def clear(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float | None = None, /) -> bool:
        with self._moved:
            end = None if seconds is None else self._clock.monotonic_ns() + round(seconds * NS)
            self._moved.wait_for(lambda: self._set or (end is not None and self._clock.monotonic_ns() >= end))
            return self._set
