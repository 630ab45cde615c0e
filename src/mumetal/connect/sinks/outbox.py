"""At least once, in order: what the store holds for a sink goes out, however long the receiver is away."""

import threading
from dataclasses import dataclass

from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MumetalError, RejectedError, UnavailableError
from mumetal.core.identity import Scope
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Sink
from mumetal.core.records import OutboxItem, OutboxRecords

BATCH = 200
_log = RoomLogger("connect")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """How a sink is doing: items waiting, failures in a row, and the last error (empty when all is well)."""

    waiting: int
    failures: int
    error: str


class Outbox:
    """Delivers the rows of one sink.

    The receiver away: the same items again after 1, 2, 4, … at most ``longest_s`` seconds, for as long as it takes.
    An item the sink refuses (it would refuse it forever) becomes a dead letter, and the next one goes on. Items leave
    the store only after :meth:`Sink.deliver` returned, so a crash in between repeats them and loses none.

    Args:
        rows: The incident store's queue.
        name: The sink's name, as given to the store.
        sink: Where the items go.
        clock: For the waiting between tries, and its thread.
        scope: Of the whole stack: a sink gets what is every tenant's.
        first_s: First wait, s.
        longest_s: Longest wait, s.
        idle_s: How often the thread looks for new items, s.
    """

    def __init__(
        self,
        rows: OutboxRecords,
        name: str,
        sink: Sink,
        clock: Clock,
        scope: Scope,
        *,
        first_s: float = 1.0,
        longest_s: float = 300.0,
        idle_s: float = 0.5,
    ) -> None:
        self._rows, self._name, self._sink, self._clock, self._scope = rows, name, sink, clock, scope
        self._first, self._longest, self._idle = first_s, longest_s, idle_s
        self._failures = 0
        self._error = ""
        self._not_before = clock.monotonic_ns()
        self._stop = clock.flag()
        self._thread: threading.Thread | None = None

    def run_once(self) -> int:
        """Try to deliver one batch; returns how many items left the queue (0 while waiting to try again)."""
        if self._clock.monotonic_ns() < self._not_before:
            return 0
        try:
            items = self._rows.next(self._scope, self._name, BATCH)
            gone = self._deliver(items)
        except UnavailableError as error:
            self._fail(error)
            return 0
        if self._failures:
            _log.info("outbox.recovered", sink=self._name, failures=self._failures)
        self._failures, self._error = 0, ""
        return gone

    def start(self) -> None:
        """Deliver in a thread until :meth:`stop`."""
        self._stop.clear()
        self._thread = self._clock.thread(self._loop, f"outbox {self._name}")
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Finish the batch in hand, end the thread and close the sink; what waits stays in the store."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        self._sink.close()

    def state(self) -> OutboxState:
        """Say how the sink is doing."""
        return OutboxState(
            waiting=self._rows.waiting(self._scope, self._name), failures=self._failures, error=self._error
        )

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                busy = self.run_once() > 0
            except MumetalError as error:  # the store itself is unreadable: say so in state(), keep trying
                self._fail(error)
                busy = False
            if not busy:
                self._stop.wait(self._idle)

    def _deliver(self, items: list[OutboxItem]) -> int:
        if not items:
            return 0
        try:
            self._sink.deliver([i.item for i in items])
        except (BadInputError, RejectedError) as error:
            if len(items) == 1:
                self._rows.bury(self._scope, items[0].seq, str(error))
                return 1
            return sum(self._deliver([i]) for i in items)
        except MumetalError:
            raise
        except Exception as error:  # whatever a sink of another package raises, its items wait and are tried again
            raise UnavailableError(f"the sink failed: {type(error).__name__}: {error}"[:300]) from error
        self._rows.delivered(self._scope, self._name, [i.seq for i in items])
        return len(items)

    def _fail(self, error: MumetalError) -> None:
        wait = min(self._longest, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        tell = _log.warning if self._failures == 1 else _log.debug
        tell("outbox.retrying", sink=self._name, failures=self._failures, wait_s=wait, reason=str(error))
        self._error = str(error)[:1_000]
        self._not_before = self._clock.monotonic_ns() + round(wait * 1e9)
