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


def first_group(batch: list[Ticket]) -> tuple[list[Ticket], list[Ticket]]:
    """Split off the tickets that fit one frame."""
    count = size = taken = 0
    for ticket in batch:
        count, size = count + len(ticket.entries), size + ticket.bytes
        if taken and (count > MAX_COUNT or size > MAX_BODY):
            break
        taken += 1
    return batch[:taken], batch[taken:]
