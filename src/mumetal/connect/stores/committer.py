"""The thread that fills the hot tier, and the bounded queue before it."""

import threading
from collections import deque
from collections.abc import Callable

from mumetal.connect.stores.hot import Hot, Record
from mumetal.core.errors import UnavailableError

BATCH_ROWS = 49_152
GATHER_S = 0.1
RETRY_S = 0.5
READ_PATIENCE_S = 60.0


class Committer:
    """Takes durable records in order and commits them in batches; large ones, for DuckDB's cost is per transaction.

    A batch is committed once it has 49,152 rows, a tenth of a second after its first record, or when a reader waits.

    Args:
        hot: The hot tier.
        limit: Most bytes that may wait.
        durable: Returns the last frame that is durable; nothing after it is committed.
        writing: Held while the hot tier is written.
    """

    def __init__(self, hot: Hot, limit: int, durable: Callable[[], int], writing: threading.RLock) -> None:
        self._hot, self._limit, self._durable, self._writing = hot, limit, durable, writing
        self._turn = threading.Condition()
        self._queue: deque[Record] = deque()
        self._rows = 0
        self._idle = False
        self.pending_bytes = 0
        self._wanted = 0
        self._closing = False
        self.trouble = ""
        self._thread = threading.Thread(target=self._run, name="mumetal-committer", daemon=True)
        self._thread.start()

    @property
    def committed(self) -> int:
        """Last frame that is in the hot tier."""
        return self._hot.committed

    def room(self, size: int) -> None:
        """Refuse ``size`` more bytes when they do not fit; one that alone is larger than the queue fits when it is empty.

        Raises:
            UnavailableError: The queue is full.
        """
        with self._turn:
            if self.pending_bytes and self.pending_bytes + size > self._limit:
                raise UnavailableError(
                    f"{self.pending_bytes >> 20} MiB wait to be committed"
                    + (f"; {self.trouble}" if self.trouble else ""),
                    where="store.queue_mib",
                    hint="send again in a moment; nothing was taken",
                )

    def offer(self, record: Record) -> None:
        """Queue a record; it is committed once durable."""
        with self._turn:
            self._queue.append(record)
            self._rows += record.rows
            self.pending_bytes += record.size

    def wake(self) -> None:
        """Say that more is durable; the thread is left alone while it gathers."""
        with self._turn:
            if self._idle or self._rows >= BATCH_ROWS or 2 * self.pending_bytes > self._limit:
                self._turn.notify_all()

    def lost(self, kept: int) -> None:
        """Forget records past ``kept``: the log took them back."""
        with self._turn:
            while self._queue and self._queue[-1].sequence > kept:
                self._drop(self._queue.pop())

    def _drop(self, record: Record) -> None:
        self.pending_bytes -= record.size
        self._rows -= record.rows

    def wait_for(self, sequence: int) -> None:
        """Return once frame ``sequence`` is in the hot tier.

        Raises:
            UnavailableError: It cannot be written at present.
        """
        with self._turn:
            self._wanted = max(self._wanted, sequence)
            self._turn.notify_all()
            done = self._turn.wait_for(
                lambda: self.committed >= sequence or bool(self.trouble) or not self._thread.is_alive(), READ_PATIENCE_S
            )
            if self.committed < sequence:
                reason = self.trouble or ("it stopped" if done else "it is too slow")
                raise UnavailableError(f"the hot tier lags behind the log: {reason}", hint="try again in a moment")

    def _take(self) -> list[Record]:
        """Return the next batch, waiting for one; empty when closing and nothing is left."""
        with self._turn:
            gathered = False
            while True:
                durable = self._durable()
                batch: list[Record] = []
                rows = 0
                for record in self._queue:
                    if record.sequence > durable or rows >= BATCH_ROWS:
                        break
                    batch.append(record)
                    rows += record.rows
                hurry = self._closing or self._wanted > self.committed or 2 * self.pending_bytes > self._limit
                if batch and (rows >= BATCH_ROWS or hurry or gathered):
                    return batch
                if self._closing and not batch:
                    return []
                self._idle = not batch
                gathered = not self._turn.wait(GATHER_S if batch else None) and bool(batch)
                self._idle = False

    def _run(self) -> None:
        try:
            self._commit_all()
        finally:
            with self._turn:
                if not self._closing:
                    self.trouble = "the committer stopped; start again, the log has everything"
                self._turn.notify_all()

    def _commit_all(self) -> None:
        while batch := self._take():
            try:
                with self._writing:
                    self._hot.commit(batch)
                self.trouble = ""
            except UnavailableError as error:
                with self._turn:
                    self.trouble = str(error)
                    self._turn.notify_all()
                    if self._closing:
                        return  # The log has it; the next opening commits it.
                    self._turn.wait(RETRY_S)
                continue
            with self._turn:
                for _ in batch:
                    self._drop(self._queue.popleft())
                self._turn.notify_all()

    def close(self) -> None:
        """Commit what is durable and stop."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._thread.join()
