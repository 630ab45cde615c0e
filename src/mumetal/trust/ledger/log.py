"""The ledger: an append-only Merkle log with group commit.

An append waits for whoever commits now, then one of those waiting commits for all: one frame in the journal, one
``fdatasync``. Tiles and bundles follow as they fill; they are made durable before the journal lets go of what they
hold, and a crash in between is mended from the journal. A checkpoint is signed every so many entries or seconds, on
:meth:`MerkleLedger.publish`, and on closing.

What it proves and what it does not: whoever alters, removes or reorders entries below a witnessed checkpoint is found.
Entries since the last *witnessed* checkpoint are vouched for by the log's own key alone, and whoever has this machine
has that key; so have a witness elsewhere, and often. Entries keep the time they were given, also when a clock was set
back: their order is that of the log. (RFC 6962; C2SP tlog-tiles; group commit: DeWitt et al. 1984,
doi:10.1145/602259.602261.)
"""

import fcntl
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock

from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.keys.hybrid import HybridPublicKey, Signer
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.disk import sync_path, write_whole
from mumetal.trust.ledger.folder import CHECKPOINT, JOURNAL, LedgerFolder, Tail
from mumetal.trust.ledger.journal import MAX_BODY, MAX_COUNT, Journal, segments
from mumetal.trust.ledger.note import Note
from mumetal.trust.ledger.recovery import Recovered, recover
from mumetal.trust.ledger.tiles import WIDTH

ROTATE = 16_384
SYNCS = 8
LOCK = "lock"


class _Ticket:
    """Entries that wait to be committed, and what became of them."""

    def __init__(self, entries: list[bytes], latest_ns: int) -> None:
        self.entries = entries
        self.bytes = sum(map(len, entries)) + 2 * len(entries)
        self.latest_ns = latest_ns
        self.first = -1
        self.error: UnavailableError | None = None


class MerkleLedger:
    """A ledger in a folder; one process writes at a time.

    Args:
        path: The folder; it is made.
        origin: The log's name, such as ``"lab-7.example/mumetal"``; part of every checkpoint.
        signer: The log's key.
        clock: Tells when a checkpoint is due.
        former: Keys that signed earlier checkpoints, after a rotation.
        publish_entries: A checkpoint is signed after so many entries.
        publish_s: Or when an entry comes so long after the last checkpoint, s.

    Raises:
        UnavailableError: Another process writes it, or the folder cannot be used.
        RejectedError: It was tampered with where opening looks: the journal, the right edge, the checkpoint.
    """

    def __init__(
        self,
        path: Path,
        *,
        origin: str,
        signer: Signer,
        clock: Clock,
        former: Sequence[HybridPublicKey] = (),
        publish_entries: int = 4_096,
        publish_s: float = 5.0,
    ) -> None:
        self._path = path
        self._origin = notes.check_name(origin)
        self._signer = signer
        self._clock = clock
        self._publish_entries = publish_entries
        self._publish_ns = round(publish_s * 1e9)
        self._gate, self._commit_lock = Lock(), Lock()
        self._waiting: list[_Ticket] = []
        self._owed: dict[Path, bytes] = {}
        self._unsynced: set[Path] = set()
        self._lock_file = _lock(path)
        try:
            found = recover(path, origin, (signer.public, *former))
            self._take(found)
            if self._published is None:
                self._publish()  # from its first moment on, a ledger without a checkpoint is one that was robbed of it
        except OSError as error:
            os.close(self._lock_file)
            raise UnavailableError(f"the ledger cannot be opened: {error.strerror}", where=str(path)) from None
        except BaseException:
            os.close(self._lock_file)
            raise

    def _take(self, found: Recovered) -> None:
        self._journal = found.journal
        self._frontier = found.frontier
        self._tail = found.tail
        self._published = found.published
        self._latest_ns = found.latest_ns
        self._owed.update(found.owed)
        self._unsynced |= found.unsynced
        self._last_publish_ns = self._clock.monotonic_ns()

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._frontier.size

    @property
    def published(self) -> int:
        """How many entries the newest checkpoint covers; far below :attr:`size`, signing or writing it fails."""
        return self._published.size if self._published else 0

    @property
    def latest_ns(self) -> int:
        """Latest time of the newest entries: a clock that now says less was set back."""
        return self._latest_ns

    @property
    def public(self) -> HybridPublicKey:
        """The key that checks its checkpoints."""
        return self._signer.public

    def append(self, entry: LedgerEntry) -> int:
        """Write durably and return the entry's index.

        Raises:
            BadInputError: A text is too long or cannot be written as UTF-8.
            UnavailableError: It could not be written; then the act must not happen.
        """
        return self._submit(_Ticket([record.encode(entry)], entry.t_ns))

    def append_many(self, entries: Sequence[LedgerEntry]) -> int:
        """Write entries durably as one, at most 16,384 of them; returns the index of the first.

        Raises:
            BadInputError: One of them is no entry; none is written.
            UnavailableError: They could not be written; none is.
        """
        if not 0 < len(entries) <= MAX_COUNT:
            raise BadInputError(f"1 to {MAX_COUNT} entries at a time", where=str(self._path))
        ticket = _Ticket([record.encode(e) for e in entries], max(e.t_ns for e in entries))
        if ticket.bytes > MAX_BODY:
            raise BadInputError(f"entries of more than {MAX_BODY} bytes at a time", where=str(self._path))
        return self._submit(ticket)

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        """Return at most ``limit`` entries from ``start``, in order.

        Raises:
            RejectedError: Entries are missing or cannot be read.
        """
        start = max(0, start)
        with self._commit_lock:
            stop = min(self.size, start + max(0, limit))
            raw = self._raw(start, stop)
        return [(index, record.decode(data, index)) for index, data in raw]

    def publish(self) -> Note:
        """Sign a checkpoint over every entry so far and return it; the same one when nothing was added.

        Raises:
            UnavailableError: It cannot be written, or the key cannot be reached.
        """
        with self._commit_lock:
            return self._publish()

    def prove(self, index: int) -> tuple[Note, bytes, list[bytes]]:
        """Return a checkpoint, the entry's bytes and its audit path in it.

        Raises:
            BadInputError: There is no such entry.
            RejectedError: Entry or tiles are missing.
        """
        note = self.publish()
        tree = LedgerFolder(self._path).tree(checkpoints.of_note(note).size)
        path = tree.inclusion(index)
        with self._commit_lock:
            ((_, data),) = self._raw(index, index + 1)
        return note, data, path

    def verify(self, witnessed: Sequence[Checkpoint] = ()) -> None:
        """Check every entry, tile and signature on the disk, and the witnessed checkpoints when some are given.

        Raises:
            RejectedError: An entry was altered, removed, reordered or cut off; says where.
        """
        with self._commit_lock:
            expected = Checkpoint(origin=self._origin, size=self.size, root=self._frontier.root())
            self._publish()
            found = examine(LedgerFolder(self._path), public=self.public, witnessed=(*witnessed, expected))
        found.refuse()
        if self._published and found.checkpoint is not None and self._published.size > found.checkpoint.size:
            raise RejectedError("the checkpoint was set back under this process", where=str(self._path))

    def close(self) -> None:
        """Sign a last checkpoint if that can be, and let go of the folder."""
        with self._commit_lock:
            if self._lock_file < 0:
                return
            with suppress(UnavailableError):
                self._publish()
            self._journal.close()
            os.close(self._lock_file)
            self._lock_file = -1

    def _raw(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        try:
            self._pay()
        except OSError as error:
            raise UnavailableError(f"entries wait to be written: {error.strerror}", where=str(self._path)) from None
        tail = Tail(self.size - len(self._tail), self._tail)
        return list(LedgerFolder(self._path).entries(start, stop, tail))

    def _submit(self, ticket: _Ticket) -> int:
        with self._gate:
            self._waiting.append(ticket)
        with self._commit_lock:
            if ticket.first < 0 and ticket.error is None:
                with self._gate:
                    batch, self._waiting = self._waiting, []
                self._commit(batch)
        if ticket.error is not None:
            raise ticket.error
        return ticket.first

    def _commit(self, batch: list[_Ticket]) -> None:
        while batch:
            group, batch = _first_group(batch)
            entries = [entry for ticket in group for entry in ticket.entries]
            first = self.size
            try:
                self._journal.append(first, len(entries), tiles.encode_bundle(entries))
            except (OSError, UnavailableError) as error:
                reason = error.message if isinstance(error, UnavailableError) else error.strerror
                for ticket in group:
                    ticket.error = UnavailableError(
                        f"the ledger cannot be written: {reason}", where=str(self._path), hint="the act must not happen"
                    )
                continue
            for ticket in group:
                ticket.first, first = first, first + len(ticket.entries)
                self._latest_ns = max(self._latest_ns, ticket.latest_ns)
            self._grow(entries)
            self._look_after()

    def _grow(self, entries: list[bytes]) -> None:
        for entry in entries:
            self._tail.append(entry)
            full = self._frontier.add(merkle.leaf(entry))
            if full:
                bundle = self._path / tiles.path(tiles.ENTRIES, full[0][1])
                self._owed[bundle] = tiles.encode_bundle(self._tail)
                self._tail = []
                for level, index, data in full:
                    self._owed[self._path / tiles.path(level, index)] = data

    def _look_after(self) -> None:
        """Write full tiles, start a new segment, sign a checkpoint: what fails now is tried at the next commit."""
        with suppress(OSError, UnavailableError):
            self._pay()
            if self.size - self._journal.base >= ROTATE + WIDTH or self._journal.size >= MAX_BODY:
                self._rotate()
            if self.size - self.published >= self._publish_entries or self._due():
                self._publish()

    def _due(self) -> bool:
        return self._clock.monotonic_ns() - self._last_publish_ns >= self._publish_ns

    def _pay(self) -> None:
        """Write the full tiles that are owed; partial ones that they replace go."""
        for path in list(self._owed):
            write_whole(path, self._owed[path], sync=False)
            self._unsynced.add(path)
            del self._owed[path]
            _drop_partial(path)

    def _rotate(self) -> None:
        folders = {parent for path in self._unsynced for parent in path.parents if self._path in parent.parents}
        with ThreadPoolExecutor(SYNCS) as pool:  # together they share the file system's own commits
            deque(pool.map(sync_path, sorted(self._unsynced)), 0)
            deque(pool.map(sync_path, (*sorted(folders), self._path)), 0)
        self._unsynced.clear()
        old = self._journal
        base = self.size - len(self._tail)
        body = tiles.encode_bundle(self._tail)
        self._journal = Journal.start(self._path / JOURNAL, base, len(self._tail), body)
        old.close()
        for first, segment in segments(self._path / JOURNAL):
            if first < base:
                segment.unlink()

    def _publish(self) -> Note:
        if self._published is not None and self._published.size == self.size:
            note = LedgerFolder(self._path).note()
            if note is not None:
                return note
        if self._lock_file < 0:
            raise UnavailableError("the ledger is closed", where=str(self._path))
        checkpoint = Checkpoint(origin=self._origin, size=self.size, root=self._frontier.root())
        note = checkpoints.sign(checkpoint, self._signer)
        try:
            self._pay()
            for level, index, data in self._frontier.partial():
                write_whole(self._path / tiles.path(level, index, len(data) // merkle.HASH), data, sync=False)
            if self._tail:
                place = tiles.path(tiles.ENTRIES, self.size // WIDTH, len(self._tail))
                write_whole(self._path / place, tiles.encode_bundle(self._tail), sync=False)
            write_whole(self._path / CHECKPOINT, notes.encode(note), sync=True)
        except OSError as error:
            raise UnavailableError(
                f"the checkpoint cannot be written: {error.strerror}", where=str(self._path)
            ) from None
        self._published = checkpoint
        self._last_publish_ns = self._clock.monotonic_ns()
        return note


def _first_group(batch: list[_Ticket]) -> tuple[list[_Ticket], list[_Ticket]]:
    """Split off the tickets that fit one frame."""
    count = size = taken = 0
    for ticket in batch:
        count, size = count + len(ticket.entries), size + ticket.bytes
        if taken and (count > MAX_COUNT or size > MAX_BODY):
            break
        taken += 1
    return batch[:taken], batch[taken:]


def _drop_partial(path: Path) -> None:
    folder = path.with_name(path.name + ".p")
    if folder.is_dir():
        for part in folder.iterdir():
            part.unlink()
        folder.rmdir()


def _lock(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"the ledger cannot be opened: {error.strerror}", where=str(path)) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise UnavailableError("another process writes this ledger", where=str(path)) from None
    return file
