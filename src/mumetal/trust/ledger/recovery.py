"""Opening a ledger to write: what a crash left half done is mended, what somebody changed is refused.

Steps: (1) the journal's frames hold and follow one another; a frame cut short at the very end was never acknowledged
and is set aside. (2) The tree before the journal is read from its tiles. (3) The journal is replayed: a tile or bundle
that it implies and that is missing or was cut short by the crash is owed; one that says something else is refused.
(4) The checkpoint is signed by the log, is of no larger tree, and its root is the tree's at that size.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.errors import RejectedError
from mumetal.trust.keys.hybrid import HybridPublicKey
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import journal as journals
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.disk import read_whole, sync_path
from mumetal.trust.ledger.folder import CHECKPOINT, JOURNAL, MAX_SEGMENT, LedgerFolder, Tail
from mumetal.trust.ledger.journal import Journal
from mumetal.trust.ledger.note import Note
from mumetal.trust.ledger.tiles import MAX_BUNDLE, Frontier

TORN = "torn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A ledger that can be written on.

    Args:
        journal: Its newest segment.
        frontier: The tree's right edge.
        tail: Entries that are in no full bundle.
        owed: Files that the crash left unwritten.
        unsynced: Files that are there and may not survive a power cut yet.
        published: The last checkpoint; None before the first.
        latest_ns: Latest time of the journal's entries; 0 without any.
    """

    journal: Journal
    frontier: Frontier
    tail: list[bytes]
    owed: dict[Path, bytes]
    unsynced: set[Path]
    published: Checkpoint | None
    latest_ns: int


def recover(path: Path, origin: str, keys: Sequence[HybridPublicKey]) -> Recovered:
    """Open a ledger's folder, or start one.

    Args:
        path: The folder, locked.
        origin: The log's name.
        keys: Its key, then former ones.

    Raises:
        RejectedError: A step failed.
        OSError: The disk does not let it.
    """
    folder = path / JOURNAL
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_path(path)
    found = journals.segments(folder)
    if not found:
        if (path / CHECKPOINT).exists() or (path / "tile").exists():
            raise RejectedError("step 1: the journal is gone", where=str(folder))
        return Recovered(
            journal=Journal.start(folder, 0),
            frontier=Frontier(),
            tail=[],
            owed={},
            unsynced=set(),
            published=None,
            latest_ns=0,
        )
    ledger = LedgerFolder(path)
    found = _drop_unborn(found)
    tail = ledger.tail()
    assert tail is not None
    frontier = Frontier.of(ledger.tree(tail.base))
    note = ledger.note()
    at = checkpoints.of_note(note).size if note else -1
    owed, unsynced, rest, seen = _replay(path, frontier, tail, at)
    if note is None and tail.stop:
        raise RejectedError("step 4: the checkpoint is gone", where=str(path / CHECKPOINT))
    published = None if note is None else _check(note, origin, keys, ledger, tail, seen)
    journal = _resume(folder, found)
    times = [record.decode(data, tail.base + n).t_ns for n, data in enumerate(tail.entries)]
    return Recovered(
        journal=journal,
        frontier=frontier,
        tail=rest,
        owed=owed,
        unsynced=unsynced,
        published=published,
        latest_ns=max(times, default=0),
    )


def _drop_unborn(found: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """Leave out a newest segment that a crash kept from its first frame: the one before still holds everything."""
    while len(found) > 1:
        base, path = found[-1]
        data = read_whole(path, MAX_SEGMENT) or b""
        if next(journals.frames(data, base, str(path)), None) is not None:
            break
        path.unlink()
        found = found[:-1]
    return found


def _replay(
    path: Path, frontier: Frontier, tail: Tail, at: int
) -> tuple[dict[Path, bytes], set[Path], list[bytes], bytes]:
    """Grow the frontier by the journal; returns what is owed, what is there, entries in no bundle, root at ``at``."""
    owed: dict[Path, bytes] = {}
    there: set[Path] = set()
    rest: list[bytes] = []
    seen = frontier.root() if frontier.size == at else b""
    for entry in tail.entries:
        rest.append(entry)
        full = frontier.add(merkle.leaf(entry))
        if full:
            implied = [(path / tiles.path(tiles.ENTRIES, full[0][1]), tiles.encode_bundle(rest))]
            implied += [(path / tiles.path(level, index), data) for level, index, data in full]
            for place, data in implied:
                if _missing(place, data):
                    owed |= {place: data}
                else:
                    there.add(place)
            rest = []
        if frontier.size == at:
            seen = frontier.root()
    return owed, there, rest, seen


def _missing(place: Path, data: bytes) -> bool:
    """Say whether a file is not there as it should be for want of having been written.

    Raises:
        RejectedError: It is there and says something else.
    """
    there = read_whole(place, MAX_BUNDLE)
    if there == data:
        return False
    if there is not None and not data.startswith(there.rstrip(b"\0")):
        raise RejectedError("step 3: a tile or bundle was altered", where=str(place))
    return True


def _check(
    note: Note, origin: str, keys: Sequence[HybridPublicKey], ledger: LedgerFolder, tail: Tail, seen: bytes
) -> Checkpoint:
    where = str(ledger.path / CHECKPOINT)
    for key in keys:
        try:
            checkpoints.verify(note, origin, key)
            break
        except RejectedError as error:
            last = error
    else:
        raise RejectedError(f"step 4: the checkpoint is not this log's: {last.message}", where=where)
    found = checkpoints.of_note(note)
    if found.size > tail.stop:
        raise RejectedError(
            f"step 4: the ledger was cut short: {tail.stop} of {found.size} entries are left",
            where=f"{ledger.path} entries {tail.stop}-{found.size - 1}",
        )
    root = seen or ledger.tree(found.size).root()
    if root != found.root:
        raise RejectedError(
            f"step 4: the first {found.size} entries are not those that were signed ({notes.DASH} run `mumetal audit verify`)",
            where=where,
        )
    return found


def _resume(folder: Path, found: list[tuple[int, Path]]) -> Journal:
    """Go on with the newest segment; older ones, which a crash kept from being removed, stay until the next rotation."""
    base, path = found[-1]
    data = read_whole(path, MAX_SEGMENT) or b""
    size, digest = 0, journals.genesis(base)
    for frame in journals.frames(data, base, str(path)):
        size, digest = frame.stop, frame.digest
    journal = Journal(folder, base, digest, size)
    if len(data) > size:
        torn = journal.cut(len(data))
        aside = os.open(
            folder.parent / TORN, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(aside, torn)
            os.fsync(aside)
        finally:
            os.close(aside)
    return journal
