"""A ledger beside the process that writes it: to be read, never written."""

from collections.abc import Sequence
from pathlib import Path

from mumetal.core.errors import UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger import record
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.folder import LedgerFolder, Tail
from mumetal.trust.ledger.local import log_key
from mumetal.trust.ledger.rotation import log_keys


class LedgerReader:
    """Reads one ledger, with what its writer has committed so far; takes no lock and mends nothing.

    Entries that are under no checkpoint and no seal of the log are left out: nobody knows who wrote them.

    Args:
        path: Its folder, or a copy.

    Raises:
        UnavailableError: There is no ledger.
    """

    def __init__(self, path: Path) -> None:
        self._folder = LedgerFolder(path)

    @property
    def count(self) -> int:
        """How many entries there are."""
        tail = self._tail()
        return tail.stop if tail else self.signed

    @property
    def signed(self) -> int:
        """How many of them the newest checkpoint covers."""
        checkpoint = self._folder.checkpoint()
        return checkpoint.size if checkpoint else 0

    def append(self, entry: LedgerEntry) -> int:
        """Refuse.

        Raises:
            UnavailableError: Always.
        """
        raise UnavailableError(
            "the ledger was opened to be read", where=str(self._folder.path), hint=f"{entry.action} must not happen"
        )

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        """Return at most ``limit`` entries from ``start``, in order.

        Raises:
            RejectedError: Entries are missing or cannot be read.
        """
        start = max(0, start)
        raw = self._folder.entries(start, start + max(0, limit), self._tail())
        return [(index, record.decode(data, index)) for index, data in raw]

    def _tail(self) -> Tail | None:
        """Return what the journal holds under a checkpoint or a seal, trusting the key that lies beside it."""
        tail, signed = self._folder.tail(), self.signed
        if tail is None or tail.stop <= signed:
            return tail
        origin, public = log_key(self._folder.path)
        proved, _ = tail.proved(origin, log_keys(self._folder.path, origin, public).newest)
        return Tail(tail.base, tail.entries[: max(0, max(proved, signed) - tail.base)])

    def verify(self) -> None:
        """Check every entry, tile and signature, trusting the public key that lies beside them.

        Raises:
            RejectedError: An entry was altered, removed or reordered; says where.
        """
        _, public = log_key(self._folder.path)
        examine(self._folder, public=public).refuse()
