"""Entries that wait to be committed together."""

from collections.abc import Sequence

from mumetal.core.errors import UnavailableError
from mumetal.trust.ledger.journal import MAX_BODY, MAX_COUNT


class Ticket:
    """Entries that wait to be committed, and what became of them.

    Args:
        entries: Their bytes.
        times_ns: Their times, nanoseconds since 1970 UTC.
    """

    def __init__(self, entries: list[bytes], times_ns: Sequence[int]) -> None:
        self.entries = entries
        self.times_ns = times_ns
        self.bytes = sum(map(len, entries)) + 2 * len(entries)
        self.first = -1
        self.error: UnavailableError | None = None


class Times:
    """How the times of entries run.

    Args:
        latest_ns: Latest time so far, nanoseconds since 1970 UTC.
    """

    def __init__(self, latest_ns: int) -> None:
        self.latest_ns = latest_ns
        self._back_ns = 0

    def take(self, times_ns: Sequence[int]) -> None:
        """Take in entries' times, in the entries' order."""
        if times_ns[0] >= self.latest_ns and sorted(times_ns) == times_ns:
            self.latest_ns = times_ns[-1]
            return
        for t_ns in times_ns:
            self._back_ns = max(self._back_ns, self.latest_ns - t_ns)
            self.latest_ns = max(self.latest_ns, t_ns)

    def set_back_ns(self) -> int:
        """Return how far, at most, one was dated before a former one since this was asked last."""
        found, self._back_ns = self._back_ns, 0
        return found


def first_group(batch: list[Ticket]) -> tuple[list[Ticket], list[Ticket]]:
    """Split off the tickets that fit one frame."""
    count = size = taken = 0
    for ticket in batch:
        count, size = count + len(ticket.entries), size + ticket.bytes
        if taken and (count > MAX_COUNT or size > MAX_BODY):
            break
        taken += 1
    return batch[:taken], batch[taken:]
