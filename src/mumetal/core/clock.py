"""Time as an argument: nothing below ``serve`` asks the operating system what time it is."""

import time
from typing import Protocol


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


class SystemClock:
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


class ManualClock:
    """A clock that moves only when told to, for tests and for replays.

    Args:
        start_ns: First answer of :meth:`now_ns`, nanoseconds since 1970.
    """

    def __init__(self, start_ns: int) -> None:
        self._now = start_ns
        self._elapsed = 0

    def now_ns(self) -> int:
        """Return the set time."""
        return self._now

    def monotonic_ns(self) -> int:
        """Return what :meth:`sleep` has added up; :meth:`set_ns` does not touch it."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Advance both readings by ``seconds`` (s)."""
        step = round(seconds * 1e9)
        self._now += step
        self._elapsed += step

    def set_ns(self, now_ns: int) -> None:
        """Set the wall time, backwards too, as an operator or an attacker may."""
        self._now = now_ns
