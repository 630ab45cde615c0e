"""What is done with one datum, whether it comes in now or was recorded: watched, judged, and what it found barred."""

import threading
from collections.abc import Callable

from mumetal.app.pipeline.judge import Judge
from mumetal.app.pipeline.watching import Watching
from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding


def _nothing() -> None:
    """Nobody asks when it was watched."""


class Scoring:
    """One thread calls it, in the order in which data are to be judged; any may :meth:`report`.

    Args:
        watch: The watchers.
        judge: Takes their findings.
        clock: Time.
    """

    def __init__(self, watch: Watching, judge: Judge, clock: Clock) -> None:
        self._watch, self._judge, self._clock = watch, judge, clock
        self._reported: list[Finding] = []
        self._lock = threading.Lock()

    def report(self, finding: Finding) -> None:
        """Take a finding from beside the watchers; it is judged at the next tick."""
        with self._lock:
            self._reported.append(finding)

    def score(self, datum: Datum, watched: Callable[[], None] = _nothing) -> None:
        """Judge one datum; what it raises is out before the next is looked at, however many wait.

        Args:
            datum: Committed data.
            watched: Told when the watchers have seen it and nothing is judged yet.
        """
        findings = self._watch.observe(datum)
        watched()
        self._judge.entered(self._watch.entered())
        if findings:
            self._judge.take(findings)

    def tick(self) -> None:
        """Let time pass."""
        found = self._watch.tick(self._clock.now_ns())
        with self._lock:
            reported, self._reported = self._reported, []
        self._judge.take([*found, *reported])
