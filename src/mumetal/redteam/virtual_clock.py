"""A clock whose time passes only while everybody waits for it: a day of a whole stack in about a minute.

Rules, in order:

1. A thread takes part from the start of a thread of :meth:`VirtualClock.thread` to its end, however it ends, or inside
   :meth:`VirtualClock.taking_part`. It is *busy*, except while it sleeps on the clock or waits for a flag of the clock.
   Whatever else it waits for (a sync, a lock, an HTTP answer) it is busy, and what others do for it meanwhile takes no
   time.
2. While anybody is busy, time stands still. When nobody is, it moves to the earliest end of a wait, and the one whose
   wait that is goes on, alone: of two that end at once the one that began to wait first. The next goes on when that one
   waits again. So the same program runs in the same order each time, as far as only these threads set its flags.
3. Setting a flag lets all that wait for it go on at once, and they count as busy before :meth:`WaitFlag.set` returns:
   time cannot slip past a thread that was woken and did not run yet. Any thread may set one.
4. A sleep ends at its time exactly. A timed wait for a flag that is not set may last up to ``slack_s`` longer, to end
   together with others: that is how a stack that looks around twice a second lives a day without 172,800 looks.
5. A thread that does not take part may wait too; time does not stand still for what it does in between.

So a thread that takes part must never wait by other means for what only time can bring: it would wait for ever. It may
join another that was told to stop by a flag, because a flag gets through whatever time it is.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mumetal.core.clock import NS, WaitFlag
from mumetal.core.errors import BadInputError

NEVER_NS = 2**62
ENDLESS_S = 1e9  # a wait of thirty years and more ends by its flag only


class VirtualClock:
    """Time that passes only while every thread that takes part waits for it.

    Args:
        start_ns: First answer of :meth:`now_ns`, nanoseconds since 1970.
        slack_s: How much longer a wait for a flag may last, s.

    Raises:
        BadInputError: The slack is not 0 s to a day.
    """

    def __init__(self, start_ns: int, *, slack_s: float = 0.0) -> None:
        if not 0.0 <= slack_s <= 86_400.0:
            raise BadInputError(f"slack is 0 s to a day, not {slack_s:g} s")
        self._start, self._elapsed, self._slack = start_ns, 0, round(slack_s * NS)
        self._lock = threading.Lock()
        self._busy = 0
        self._waits: list[_Wait] = []
        self._mine = threading.local()

    def now_ns(self) -> int:
        """Return UTC as nanoseconds since 1970."""
        return self._start + self._elapsed

    def monotonic_ns(self) -> int:
        """Return the clock's nanoseconds since it was made."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` (s), exactly."""
        self.wait(None, seconds)

    def flag(self) -> WaitFlag:
        """Return something that threads can wait for on this clock, not set yet."""
        return _VirtualFlag(self)

    def thread(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Return a daemon thread, not started yet, that takes part from its start to its end."""
        return _Part(self, run, name)

    @contextmanager
    def taking_part(self, *, counted: bool = False) -> Iterator[None]:
        """Let the calling thread take part; inside another such block nothing changes.

        Args:
            counted: Whether :meth:`enter` was called for it already.
        """
        if self.takes_part:
            yield
            return
        if not counted:
            self.enter()
        self._mine.takes_part = True
        try:
            yield
        finally:
            self._mine.takes_part = False
            self.leave()

    @property
    def takes_part(self) -> bool:
        """Whether the calling thread takes part."""
        return bool(getattr(self._mine, "takes_part", False))

    def enter(self) -> None:
        """Count one more that is busy."""
        with self._lock:
            self._busy += 1

    def leave(self) -> None:
        """Count one less that is busy, and move on when that was the last."""
        with self._lock:
            self._busy -= 1
            self._move()

    def wait(self, flag: "_VirtualFlag | None", seconds: float | None) -> bool:
        """Wait for a flag or for a time, whichever comes first; whether it was the flag."""
        if seconds is not None and math.isnan(seconds):
            raise BadInputError("the length of a wait is a number")
        with self._lock:
            if flag is not None and flag.is_set():
                return True
            if seconds is not None and seconds <= 0.0:
                return False
            endless = seconds is None or seconds >= ENDLESS_S
            end = NEVER_NS if seconds is None or endless else self._elapsed + max(1, round(seconds * NS))
            mine = _Wait(flag, end, end if flag is None else end + self._slack, takes_part=self.takes_part)
            self._waits.append(mine)
            self._busy -= mine.takes_part
            self._move()
        try:
            mine.over.wait()
        except BaseException:  # such as Ctrl-C: this thread runs again, whatever it waited for
            with self._lock:
                if mine in self._waits:
                    self._end(mine)
            raise
        return mine.rang

    def ring(self, flag: "_VirtualFlag") -> None:
        """Set a flag and let all that wait for it go on."""
        with self._lock:
            flag.raised = True
            for one in [w for w in self._waits if w.flag is flag]:
                self._end(one, rang=True)

    def _end(self, one: "_Wait", *, rang: bool = False) -> None:
        self._waits.remove(one)
        self._busy += one.takes_part
        one.rang = rang
        one.over.set()

    def _move(self) -> None:
        """While nobody is busy, let the one go on whose wait ends first; called with the lock held."""
        while self._busy == 0 and (timed := [w for w in self._waits if w.end_ns < NEVER_NS]):
            due = [w for w in timed if w.end_ns <= self._elapsed]
            if not due:
                self._elapsed = min(w.latest_ns for w in timed)
                due = [w for w in timed if w.end_ns <= self._elapsed]
            self._end(min(due, key=lambda w: w.end_ns))


class _Wait:
    """One thread's wait: for which flag, until when, at the latest when, and how it ended."""

    __slots__ = ("end_ns", "flag", "latest_ns", "over", "rang", "takes_part")

    def __init__(self, flag: "_VirtualFlag | None", end_ns: int, latest_ns: int, *, takes_part: bool) -> None:
        self.flag, self.end_ns, self.latest_ns, self.takes_part = flag, end_ns, latest_ns, takes_part
        self.over, self.rang = threading.Event(), False


class _VirtualFlag:
    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self.raised = clock, False

    def set(self) -> None:
        self._clock.ring(self)

    def clear(self) -> None:
        self.raised = False

    def is_set(self) -> bool:
        return self.raised

    def wait(self, seconds: float | None = None, /) -> bool:
        return self._clock.wait(self, seconds)


class _Part(threading.Thread):
    def __init__(self, clock: VirtualClock, run: Callable[[], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._clock, self._body = clock, run

    def start(self) -> None:
        self._clock.enter()  # before it runs: whoever started it may wait at once
        try:
            super().start()
        except BaseException:
            self._clock.leave()
            raise

    def run(self) -> None:
        with self._clock.taking_part(counted=True):
            self._body()
