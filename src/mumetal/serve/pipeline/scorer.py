"""The scoring thread: committed data in, findings out, in the order of the log."""

import threading
import time
from collections.abc import Callable, Sequence

from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.series import Series
from mumetal.serve.pipeline.backlog import Backlog
from mumetal.serve.pipeline.judge import Judge
from mumetal.serve.pipeline.live import LiveFeed
from mumetal.serve.pipeline.watermarks import Watermarks
from mumetal.watch.watch import Watch

TICK_S = 0.5
LATENCIES = 100_000


class Scorer:
    """Drives the watchers.

    Args:
        watch: The watchers.
        judge: Takes their findings.
        backlog: What is committed and waits.
        feed: Live samples for the pages.
        marks: How far each stream has been scored, kept over restarts.
        clock: Time.
        failed: Told when the thread dies of an error, so that the stack can stop aloud.
        inspect: Looks at each piece of data beside the watchers.
    """

    def __init__(
        self,
        watch: Watch,
        judge: Judge,
        backlog: Backlog,
        feed: LiveFeed,
        marks: Watermarks,
        clock: Clock,
        failed: Callable[[BaseException], None],
        inspect: Callable[[Datum], Sequence[Finding]],
    ) -> None:
        self._watch = watch
        self._judge = judge
        self._backlog = backlog
        self._feed = feed
        self._marks = marks
        self._clock = clock
        self._failed = failed
        self._inspect = inspect
        self._extra: list[Finding] = []
        self._extra_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="scorer", daemon=True)
        self.latencies_s: list[float] = []

    def start(self) -> None:
        """Begin to score."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the closed backlog is worked off."""
        self._thread.join(timeout=60)

    def report(self, finding: Finding) -> None:
        """Take a finding from a door."""
        with self._extra_lock:
            self._extra.append(finding)

    def _run(self) -> None:
        try:
            last_tick = 0.0
            while True:
                closing = self._backlog.closed
                waiting = self._backlog.take(TICK_S)
                findings = self._observe(waiting)
                if time.monotonic() - last_tick >= TICK_S or closing:
                    findings += self._watch.tick(self._clock.now_ns())
                    last_tick = time.monotonic()
                with self._extra_lock:
                    findings, self._extra = findings + self._extra, []
                self._judge.take(findings)
                self._marks.save()
                if closing and not waiting:
                    return
        except Exception as error:
            self._failed(error)
            raise

    def _observe(self, waiting: Sequence[tuple[int, Datum, int]]) -> list[Finding]:
        findings: list[Finding] = []
        for _, datum, at_ns in waiting:
            findings += self._watch.observe(datum)
            findings += self._inspect(datum)
            if isinstance(datum, Series):
                self._marks.note(datum)
                self._feed.put(datum)
            if len(self.latencies_s) < LATENCIES:
                self.latencies_s.append((time.monotonic_ns() - at_ns) / 1e9)
        return findings
