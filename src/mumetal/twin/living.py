"""A lab that lives by itself on a clock, and speaks through the doors of a stack until it is stopped.

Its data come in steps, as those of loggers do. Between two of them it has not yet said what happened; whoever starts
something, or asks it to get on, lets it catch up to this moment first.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import Truth
from mumetal.twin.doors import LabWriter
from mumetal.twin.lab import Lab


class LivingTwin:
    """A :class:`mumetal.core.ports.Twin` whose time is that of a clock.

    Args:
        lab: The twin; its time 0 is the clock's present.
        clock: Time.
        folder: Where it writes its files.
        step_s: Between two times that it writes and sends, s.
    """

    def __init__(self, lab: Lab, clock: Clock, folder: Path, step_s: float) -> None:
        if step_s <= 0.0:
            raise BadInputError(f"a step is longer than 0 s, not {step_s:g} s")
        self._lab, self._clock, self._folder, self._step = lab, clock, folder, step_s
        self._lock = threading.Lock()
        self._stop = clock.flag()
        self._thread: threading.Thread | None = None
        self._writer: LabWriter | None = None
        LabWriter(folder).close()  # a stack that is opened first finds the places it reads
        self._said: list[Datum] = []
        self._asked = 0
        self._died = False
        self.away = 0

    def start(self, push_url: str, push_token: str) -> None:
        """Begin to live: files, and a push to the door at ``push_url``, which the token opens."""
        self._writer = LabWriter(self._folder, push_url, push_token=push_token)
        self._thread = self._clock.thread(self._live, f"twin {self._lab.device}")
        self._thread.start()

    def stop(self) -> None:
        """End it; calling it again does nothing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._writer is not None:
            self._writer.close()

    def advance(self, seconds: float) -> Sequence[Datum]:
        """Let ``seconds`` (s) pass on the clock, and return what it said meanwhile.

        Raises:
            BadInputError: Time cannot stand still or go back.
            UnavailableError: Its thread died.
        """
        if not seconds > 0.0:
            raise BadInputError(f"time advances by more than 0 s, not by {seconds:g} s")
        with self._lock:
            self._alive()
            self._catch_up()
            self._asked += 1
            first = len(self._said)
        try:
            self._clock.sleep(seconds)
        finally:
            with self._lock:
                self._catch_up()
                said = self._said[first:]
                self._asked -= 1
                if not self._asked:
                    self._said.clear()
        return said

    def perturb(self, name: str, strength: float, duration_s: float) -> Truth:
        """Start an attack or an innocent cause now; returns the truth about it.

        Raises:
            BadInputError: There is no such perturbation, or the strength is out of range.
            UnavailableError: Its thread died.
        """
        with self._lock:
            self._alive()
            self._catch_up()
            return self._lab.perturb(name, strength, duration_s)

    def truth(self) -> Sequence[Truth]:
        """Return all perturbations so far."""
        with self._lock:
            return self._lab.truth()

    def _alive(self) -> None:
        if self._died:
            raise UnavailableError("the twin died", where=self._lab.device, hint="its thread told why")

    def _live(self) -> None:
        try:
            while not self._stop.wait(self._step):
                with self._lock:
                    self._catch_up()
        except BaseException:
            self._died = True
            raise

    def _catch_up(self) -> None:
        """Let the lab live to the clock's present, and say it; called with the lock held."""
        behind_s = (self._clock.now_ns() - self._lab.now_ns) / 1e9
        if behind_s <= 0.0 or self._stop.is_set():
            return
        data = self._lab.advance(behind_s)
        if self._asked:
            self._said += data
        if self._writer is not None:
            try:
                self._writer.write(data)
            except UnavailableError:
                self.away += 1  # what the door missed waits, and goes out with the next step
