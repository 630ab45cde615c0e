"""The scoring thread: committed data in, findings out, in the order of the log."""

import math
from collections.abc import Callable
from functools import partial

from mumetal.app.pipeline.backlog import Backlog
from mumetal.app.pipeline.judge import Judge
from mumetal.app.pipeline.live import LiveFeed
from mumetal.app.pipeline.remembering import Remembering
from mumetal.app.pipeline.scoring import Scoring
from mumetal.app.pipeline.watching import Watching
from mumetal.app.pipeline.watermarks import Watermarks
from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.series import Series

TICK_S = 0.5
LATENCIES = 100_000
DRAIN_S = 4.0  # so long a stop waits for what is committed and not scored
LEAVE_S = 3.0  # then for the datum in hand


class Scorer:
    """Drives the watchers.

    Args:
        watch: The watchers.
        judge: Takes their findings.
        backlog: What is committed and waits.
        feed: Live samples for the pages.
        marks: How far each stream has been scored, kept over restarts.
        clock: Time.
        remembering: Keeps what the watchers have learnt; nothing does where none is given.
        failed: Told when the thread dies of an error, so that the stack can stop aloud.
    """

    def __init__(
        self,
        watch: Watching,
        judge: Judge,
        backlog: Backlog,
        feed: LiveFeed,
        marks: Watermarks,
        clock: Clock,
        failed: Callable[[BaseException], None],
        remembering: Remembering | None = None,
    ) -> None:
        self._watch = watch
        self._scoring = Scoring(watch, judge, clock)
        self._backlog = backlog
        self._feed = feed
        self._marks = marks
        self._clock = clock
        self._failed = failed
        self._remembering = remembering
        self._leave = clock.flag()
        self._ticked = -math.inf
        self._thread = clock.thread(self._run, "scorer")
        self.latencies_s: list[float] = []

    def start(self) -> None:
        """Begin to score."""
        self._thread.start()

    def join(self, drain_s: float = DRAIN_S) -> None:
        """Wait until the closed backlog is worked off, ``drain_s`` at most; what is left is scored after a restart."""
        self._thread.join(timeout=drain_s)
        self._leave.set()
        self._thread.join(timeout=LEAVE_S)

    def report(self, finding: Finding) -> None:
        """Take a finding from a door."""
        self._scoring.report(finding)

    def _run(self) -> None:
        try:
            while True:
                closing = self._backlog.closed
                waiting = self._backlog.take(TICK_S)
                for _, datum, at_ns in waiting:
                    self._score(datum, at_ns)
                    self._backlog.done()
                    if self._leave.is_set():
                        return
                over = closing and not waiting
                self._tick(now=closing)
                if self._remembering is not None:
                    self._remembering.idle(closing=over)
                if over:
                    return
        except BaseException as error:
            self._failed(error)
            raise

    def _score(self, datum: Datum, at_ns: int) -> None:
        self._scoring.score(datum, partial(self._watched, at_ns))
        self._marks.note(datum, self._watch.judged_until(datum))
        if isinstance(datum, Series):
            self._feed.put(datum)
        self._marks.save()

    def _watched(self, at_ns: int) -> None:
        if len(self.latencies_s) < LATENCIES:
            self.latencies_s.append((self._clock.monotonic_ns() - at_ns) / 1e9)

    def _tick(self, *, now: bool = False) -> None:
        """Let time pass, when it is time or ``now``: only here, where nothing waits, is a stream's silence its own."""
        at = self._clock.monotonic_ns() / 1e9
        if not now and at - self._ticked < TICK_S:
            return
        self._ticked = at
        self._scoring.tick()
        self._marks.save()
