"""The ledger: an append-only Merkle log with group commit.

An append waits for whoever commits now, then one of those waiting commits for all: one frame in the journal, one
``fdatasync``, nothing else. The tree, its tiles and the signed checkpoint are made by :meth:`MerkleLedger.publish`, which
holds up no append: on an idle tick, when many entries wait for it, and on closing. Tiles are durable before the journal
lets go of what they hold; a crash in between is mended from the journal.

What it proves and what it does not: whoever alters, removes or reorders entries below a witnessed checkpoint is found.
Entries since the last *witnessed* checkpoint are vouched for by the log's own key alone, and whoever has this machine
has that key; so have a witness elsewhere, and often. Entries keep the time they were given, also when a clock was set
back: their order is that of the log. (RFC 6962; C2SP tlog-tiles; group commit: DeWitt et al. 1984,
doi:10.1145/602259.602261.)
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from mumetal.core import LOCAL
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.keys.hybrid import Entropy, HybridPublicKey, Signer
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.disk import lock_folder, write_whole
from mumetal.trust.ledger.folder import CHECKPOINT, JOURNAL, LedgerFolder, Tail
from mumetal.trust.ledger.group import Ticket, Times, first_group
from mumetal.trust.ledger.journal import MAX_BODY, MAX_COUNT, Journal, segments
from mumetal.trust.ledger.note import Note
from mumetal.trust.ledger.recovery import Recovered, Unproved, recover
from mumetal.trust.ledger.rotation import Rotation, keys_of, replace
from mumetal.trust.ledger.session import Session
from mumetal.trust.ledger.shelf import Shelf
from mumetal.trust.ledger.tiles import WIDTH

ROTATE = 16_384
ACTOR = "mumetal.ledger"
SET_ASIDE = "ledger.set_aside"
REPLACED = "ledger.key_replaced"


class MerkleLedger:
    """A ledger in a folder; one process writes at a time.

    Args:
        path: The folder; it is made.
        origin: The log's name, such as ``"lab-7.example/mumetal"``; part of every checkpoint.
        signer: The log's key.
        clock: Tells when a checkpoint is due.
        entropy: Makes the key of this run, which seals the journal.
        publish_entries: An append that finds so many entries without a checkpoint publishes.
        publish_s: So does one that comes so long after the last checkpoint, s; ``math.inf`` where a tick does it.

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
        entropy: Entropy = os.urandom,
        publish_entries: int = 4_096,
        publish_s: float = 5.0,
    ) -> None:
        self._path = path
        self._origin = notes.check_name(origin)
        self._signer = signer
        self._clock = clock
        self._publish_entries = publish_entries
        self._publish_ns = publish_s * 1e9
        self._gate = Lock()  # what waits
        self._commit_lock = Lock()  # journal, size, the newest entries
        self._publish_lock = Lock()  # tree, shelf, checkpoint; taken before the commit lock where both are
        self._waiting: list[Ticket] = []
        self._entropy = entropy
        self._session = Session(origin, signer, entropy)
        self._lock_file = lock_folder(path)
        try:
            self._take(recover(path, origin, keys_of(path, origin, signer.public), self._session))
            self._enter_unproved()
            if self._published is None:
                self._publish()  # from its first moment on, a ledger without a checkpoint is one that was robbed of it
        except OSError as error:
            os.close(self._lock_file)
            raise UnavailableError(f"the ledger cannot be opened: {error.strerror}", where=str(path)) from None
        except BaseException:
            os.close(self._lock_file)
            raise

    def _take(self, found: Recovered) -> None:
        self._unproved = found.unproved
        self._frontier = found.frontier
        self._size = found.frontier.size
        self._recent, self._recent_base = found.tail, self._size - len(found.tail)
        self._published = found.published
        self._times = Times(found.latest_ns)
        self._shelf = Shelf(self._path, found.owed, found.unsynced)
        self._last_publish_ns = self._clock.monotonic_ns()
        self._shelf.pay()
        self._journal = found.journal or self._segment()
        if found.journal is None:  # what is there is of the former kind, or holds what was set aside, or is nothing
            self._let_go()

    @property
    def unproved(self) -> tuple[Unproved, ...]:
        """What was found in the journal at the start that is not the log's own word, and was set aside."""
        return self._unproved

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._size

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._path

    @property
    def origin(self) -> str:
        """Its name."""
        return self._origin

    @property
    def published(self) -> int:
        """How many entries the newest checkpoint covers; far below :attr:`size`, signing or writing it fails."""
        return self._published.size if self._published else 0

    @property
    def latest_ns(self) -> int:
        """Latest time of the newest entries: a clock that now says less was set back."""
        return self._times.latest_ns

    def set_back_ns(self) -> int:
        """Return how far, at most, an entry since the last call was dated before a former one; 0 when none was."""
        with self._commit_lock:
            return self._times.set_back_ns()

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
        return self._submit(Ticket([record.encode(entry)], [entry.t_ns]))

    def append_many(self, entries: Sequence[LedgerEntry]) -> int:
        """Write entries durably as one, at most 16,384 of them; returns the index of the first.

        Raises:
            BadInputError: One of them is no entry; none is written.
            UnavailableError: They could not be written; none is.
        """
        if not 0 < len(entries) <= MAX_COUNT:
            raise BadInputError(f"1 to {MAX_COUNT} entries at a time", where=str(self._path))
        ticket = Ticket([record.encode(e) for e in entries], [e.t_ns for e in entries])
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
            stop = min(self._size, start + max(0, limit))
            tail = Tail(self._recent_base, self._recent.copy())
        return [
            (index, record.decode(data, index)) for index, data in LedgerFolder(self._path).entries(start, stop, tail)
        ]

    def publish(self) -> Note:
        """Sign a checkpoint over every entry so far and return it; the same one when nothing was added.

        Raises:
            UnavailableError: It cannot be written, or the key cannot be reached.
        """
        with self._publish_lock:
            return self._publish()

    def prove(self, index: int) -> tuple[Note, bytes, list[bytes]]:
        """Return a checkpoint, the entry's bytes and its audit path in it.

        Raises:
            BadInputError: There is no such entry.
            RejectedError: Entry or tiles are missing.
        """
        note = self.publish()
        path = LedgerFolder(self._path).tree(checkpoints.of_note(note).size).inclusion(index)
        with self._commit_lock:
            tail = Tail(self._recent_base, self._recent.copy())
        ((_, data),) = LedgerFolder(self._path).entries(index, index + 1, tail)
        return note, data, path

    def verify(self, witnessed: Sequence[Checkpoint] = ()) -> None:
        """Check every entry, tile and signature on the disk, and the witnessed checkpoints when some are given.

        Appends go on meanwhile.

        Raises:
            RejectedError: An entry was altered, removed, reordered or cut off; says where.
        """
        with self._publish_lock:
            self._publish()
            expected = Checkpoint(origin=self._origin, size=self._frontier.size, root=self._frontier.root())
            found = examine(LedgerFolder(self._path), public=self.public, witnessed=(*witnessed, expected))
            found.refuse()
            if self._published and found.checkpoint is not None and self._published.size > found.checkpoint.size:
                raise RejectedError("the checkpoint was set back under this process", where=str(self._path))

    def replace_key(self, following: Signer) -> Rotation:
        """Go on with another key: the former one's last checkpoint covers everything, and both sign the change.

        Raises:
            BadInputError: It is the same key, or one that the log had before.
            UnavailableError: It cannot be written, or a key cannot be reached; the former key stays.
        """
        with self._publish_lock:
            while True:
                self._publish()
                with self._commit_lock:
                    if self._size == self.published:  # nothing came in between
                        root = self._frontier.root()
                        made = replace(self._path, self._origin, self._size, root, self._signer, following)
                        self._signer = following
                        self._session = self._journal.session = Session(self._origin, following, self._entropy)
                        break
            self._published = None
            self._publish()
        self._enter(REPLACED, f"{made.former.key_id} until entry {made.size}, {made.following.key_id} from then on")
        return made

    def close(self) -> None:
        """Sign a last checkpoint if that can be, and let go of the folder."""
        with self._publish_lock:
            if self._lock_file < 0:
                return
            with suppress(UnavailableError):
                self._publish()
            with self._commit_lock:
                self._journal.close()
                os.close(self._lock_file)
                self._lock_file = -1

    def _submit(self, ticket: Ticket) -> int:
        with self._gate:
            self._waiting.append(ticket)
        with self._commit_lock:
            if ticket.first < 0 and ticket.error is None:
                with self._gate:
                    batch, self._waiting = self._waiting, []
                self._commit(batch)
        if ticket.error is not None:
            raise ticket.error
        self._look_after()
        return ticket.first

    def _commit(self, batch: list[Ticket]) -> None:
        while batch:
            group, batch = first_group(batch)
            entries = [entry for ticket in group for entry in ticket.entries]
            try:
                self._journal.append(self._size, len(entries), tiles.encode_bundle(entries))
            except (OSError, UnavailableError) as error:
                reason = error.message if isinstance(error, UnavailableError) else error.strerror
                for ticket in group:
                    ticket.error = UnavailableError(
                        f"the ledger cannot be written: {reason}", where=str(self._path), hint="the act must not happen"
                    )
                continue
            self._recent += entries
            for ticket in group:
                ticket.first = self._size
                self._size += len(ticket.entries)
                self._times.take(ticket.times_ns)

    def _look_after(self) -> None:
        """Publish when it is due and nobody does; what fails now is tried at the next commit, or the next tick."""
        waiting = self._size - self.published
        late = self._clock.monotonic_ns() - self._last_publish_ns >= self._publish_ns
        if not waiting or (waiting < self._publish_entries and not late and not self._is_long()):
            return
        behind = self._journal.size >= 2 * MAX_BODY or self._size - self._recent_base >= 4 * ROTATE
        if self._publish_lock.acquire(blocking=behind):  # one that falls behind must not let the journal grow for ever
            try:
                with suppress(UnavailableError):
                    self._publish()
            finally:
                self._publish_lock.release()

    def _is_long(self) -> bool:
        return self._size - self._journal.base >= ROTATE + WIDTH or self._journal.size >= MAX_BODY

    def _publish(self) -> Note:
        """Make tree, tiles and checkpoint of what is committed; the publish lock is held."""
        with self._commit_lock:
            if self._lock_file < 0:
                raise UnavailableError("the ledger is closed", where=str(self._path))
            size = self._size
            fresh = self._recent[self._frontier.size - self._recent_base :]
        if self._published is not None and self._published.size == size:
            note = LedgerFolder(self._path).note()
            if note is not None:
                return note
        try:
            tail = self._grow(fresh)
            self._shelf.pay()
            self._forget()
            if self._is_long():
                self._rotate()
            checkpoint = Checkpoint(origin=self._origin, size=size, root=self._frontier.root())
            note = checkpoints.sign(checkpoint, self._signer)
            for level, index, data in self._frontier.partial():
                self._shelf.write(level, index, len(data) // merkle.HASH, data)
            if tail:
                self._shelf.write(tiles.ENTRIES, size // WIDTH, len(tail), tiles.encode_bundle(tail))
            write_whole(self._path / CHECKPOINT, notes.encode(note), sync=True)
        except OSError as error:
            raise UnavailableError(
                f"the checkpoint cannot be written: {error.strerror}", where=str(self._path)
            ) from None
        self._published = checkpoint
        self._last_publish_ns = self._clock.monotonic_ns()
        return note

    def _grow(self, fresh: list[bytes]) -> list[bytes]:
        """Take new entries into the tree; returns those that are in no full bundle."""
        with self._commit_lock:
            start = self._frontier.size - self._frontier.size % WIDTH - self._recent_base
            tail = self._recent[start : start + self._frontier.size % WIDTH]
        for entry in fresh:
            tail.append(entry)
            full = self._frontier.add(merkle.leaf(entry))
            if full:
                self._shelf.owe(tiles.ENTRIES, full[0][1], tiles.encode_bundle(tail))
                tail = []
                for level, index, data in full:
                    self._shelf.owe(level, index, data)
        return tail

    def _forget(self) -> None:
        """Let go of entries whose bundle is written."""
        base = self._frontier.size - self._frontier.size % WIDTH
        with self._commit_lock:
            del self._recent[: base - self._recent_base]
            self._recent_base = base

    def _rotate(self) -> None:
        """Start a new segment; the old ones go once every tile of what they hold is durable."""
        with self._commit_lock:
            old = self._journal
            self._journal = self._segment()
            old.close()
        self._let_go()

    def _segment(self) -> Journal:
        root = self._frontier.root(full=True)
        return Journal.start(self._path / JOURNAL, self._recent_base, root, self._session, self._recent)

    def _let_go(self) -> None:
        self._shelf.sync()
        for first, segment in segments(self._path / JOURNAL):
            if first != self._journal.base:
                segment.unlink()

    def _enter_unproved(self) -> None:
        """Say on the ledger itself what was set aside at its start."""
        for part in self.unproved:
            kept = f"kept as {part.kept.relative_to(self._path)}, sha256:{part.sha256}"
            what = f"{part.count} entries from {part.first} on are not the log's own word"
            self._enter(SET_ASIDE, f"{what}: {part.why}; {kept}")

    def _enter(self, action: str, why: str) -> None:
        """Append an entry of the ledger about itself."""
        self.append(
            LedgerEntry(
                tenant=LOCAL, t_ns=self._clock.now_ns(), actor=ACTOR, action=action, subject="ledger:ledger", why=why,
                outcome="done",
            )
        )  # fmt: skip
