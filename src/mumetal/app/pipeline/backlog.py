"""What is committed and not yet scored, bounded in values; when it is full the doors wait."""

import threading
from collections import deque

from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.errors import UnavailableError
from mumetal.core.series import Series

MAX_VALUES = 64_000_000 // 8  # 64 MB of float64


def size_of(datum: Datum) -> int:
    """Return how many values a datum holds; an event counts as eight."""
    if isinstance(datum, Series):
        return max(1, datum.values.size)
    return len(datum.parameters) if hasattr(datum, "parameters") else 8


class Backlog:
    """A queue between the doors and the scorer.

    A door asks for room *before* it commits, so that what was acknowledged is always scored, and a slow scorer slows
    the doors instead of filling memory.

    Args:
        clock: Time, for the waiting.
        limit: Most values that may wait.
    """

    def __init__(self, clock: Clock, limit: int = MAX_VALUES) -> None:
        self._clock, self._limit = clock, limit
        self._waiting: deque[tuple[int, Datum, int]] = deque()
        self._values = self._owed = 0
        self._lock = threading.Lock()
        self._room, self._some = clock.flag(), clock.flag()
        self._room.set()
        self._closed = False

    def admit(self, timeout_s: float) -> None:
        """Wait until there is room.

        Raises:
            UnavailableError: There is none after ``timeout_s`` (s), or the stack is stopping.
        """
        end_ns = self._clock.monotonic_ns() + round(timeout_s * 1e9)
        while self._room.wait((end_ns - self._clock.monotonic_ns()) / 1e9):
            if self._closed:
                raise UnavailableError("the stack is stopping", hint="send again after it has restarted")
            if self._values < self._limit:
                return
        raise UnavailableError("the watchers are behind", hint="send again in a few seconds")

    def put(self, sequence: int, data: tuple[Datum, ...], at_ns: int) -> None:
        """Queue what was committed as log record ``sequence`` at ``at_ns`` (monotonic)."""
        with self._lock:
            for datum in data:
                self._waiting.append((sequence, datum, at_ns))
                self._values += size_of(datum)
            self._owed += len(data)
            self._tell()

    def take(self, timeout_s: float) -> list[tuple[int, Datum, int]]:
        """Return all that waits, oldest first; empty after ``timeout_s`` (s) without any."""
        self._some.wait(timeout_s)
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            self._values = 0
            self._tell()
            return taken

    def done(self) -> None:
        """Note that one of what was taken is worked off."""
        with self._lock:
            self._owed -= 1

    @property
    def owed(self) -> int:
        """How many pieces were put and are not worked off, taken or not."""
        return self._owed

    def close(self) -> None:
        """Refuse newcomers; what waits can still be taken."""
        with self._lock:
            self._closed = True
            self._tell()

    def _tell(self) -> None:
        """Set each flag where what is waited for holds; called with the lock held."""
        for flag, holds in ((self._room, self._values < self._limit), (self._some, bool(self._waiting))):
            if holds or self._closed:
                flag.set()
            else:
                flag.clear()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed
