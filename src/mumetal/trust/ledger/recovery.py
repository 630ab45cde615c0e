"""Opening a ledger to write: what a crash left half done is mended, what somebody changed is refused or set aside.

Steps: (1) the checkpoint is signed by the log. (2) The journal is read as far as the checkpoint or a seal of the log
covers it; whatever follows is set aside, as it was found, and never signed. A frame cut short at the very end was never
acknowledged. (3) The tree before the journal is read from its tiles and is the one that the journal's seal names; a
tile or bundle that the journal implies and that is missing or was cut short by the crash is owed; one that says
something else is refused. (4) The checkpoint is of no larger tree, and its root is the tree's at that size. Without a checkpoint, or
without an entry, nothing may tell of entries that there were: a log begins with a checkpoint of none.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.errors import RejectedError
from mumetal.core.regular import open_regular
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import journal as journals
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.disk import read_whole, sync_path, write_whole
from mumetal.trust.ledger.folder import CHECKPOINT, JOURNAL, MAX_SEGMENT, LedgerFolder, read_segment, sealed_stop
from mumetal.trust.ledger.journal import MAX_ASIDE, Journal, Segment
from mumetal.trust.ledger.note import Note
from mumetal.trust.ledger.rotation import LogKeys
from mumetal.trust.ledger.session import Session
from mumetal.trust.ledger.tiles import MAX_BUNDLE, Frontier

TORN = "torn"
ASIDE = "aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproved:
    """A part of the journal that is not the log's own word, and was set aside.

    Args:
        first: Index of the first entry that it would have been.
        count: Entries that could be read of it.
        why: What is wrong with it.
        kept: Where the journal's segment is kept as it was found.
        sha256: Of that file, hex.
    """

    first: int
    count: int
    why: str
    kept: Path
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A ledger that can be written on.

    Args:
        journal: Its newest segment; None when one has to be started, in place of all that are there.
        frontier: The tree's right edge.
        tail: Entries that are in no full bundle.
        owed: Files that the crash left unwritten.
        unsynced: Files that are there and may not survive a power cut yet.
        published: The last checkpoint by the newest key; None before the first.
        latest_ns: Latest time of the journal's entries; 0 without any.
        unproved: What was set aside.
    """

    journal: Journal | None
    frontier: Frontier
    tail: list[bytes]
    owed: dict[Path, bytes]
    unsynced: set[Path]
    published: Checkpoint | None
    latest_ns: int
    unproved: tuple[Unproved, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Believed:
    """What is believed of the journal: entries from ``base``, and the roots that seals prove, by size."""

    base: int
    entries: list[bytes]
    roots: dict[int, bytes]
    unproved: tuple[Unproved, ...]


def recover(path: Path, origin: str, keys: LogKeys, session: Session) -> Recovered:
    """Open a ledger's folder, or start one.

    Args:
        path: The folder, locked.
        origin: The log's name.
        keys: Its key, and former ones.
        session: Seals what is written on.

    Raises:
        RejectedError: A step failed.
        OSError: The disk does not let it.
    """
    folder = path / JOURNAL
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_path(path)
    found = journals.segments(folder)
    ledger = LedgerFolder(path)
    if not found:
        if traces := ledger.traces():
            raise RejectedError(f"step 2: the journal is gone: {traces}", where=str(folder))
        return Recovered(
            journal=None, frontier=Frontier(), tail=[], owed={}, unsynced=set(), published=None, latest_ns=0
        )
    segments = _drop_unborn([read_segment(place, base) for base, place in found])
    note = ledger.note()
    signed = None if note is None else _signed(note, origin, keys, path)
    traces = ledger.traces(segments)
    if signed is None and (traces or any(s.base or s.entries for s in segments)):
        raise RejectedError("step 4: the checkpoint is gone", where=str(path / CHECKPOINT))
    believed = _believed(path, segments, origin, keys, signed.size if signed else 0)
    frontier = Frontier.of(ledger.tree(believed.base))
    owed, unsynced, rest, roots = _replay(path, frontier, believed, signed.size if signed else -1)
    for size, root in believed.roots.items():
        if roots.get(size, root) != root:
            raise RejectedError(f"step 3: the first {size} entries are not those that were sealed", where=str(path))
    if signed is not None:
        _check(signed, ledger, believed, roots)
    if traces and not believed.base and not believed.entries:
        raise RejectedError(f"step 4: the journal was emptied: {traces}", where=str(folder))
    newest = segments[-1]
    whole = not believed.unproved and newest.root is not None and newest.stop == believed.base + len(believed.entries)
    by_newest = note is not None and signed is not None and _is_by(note, origin, keys)
    times = [record.decode(data, believed.base + n).t_ns for n, data in enumerate(believed.entries)]
    return Recovered(
        journal=_resume(folder, newest, session) if whole else None,
        frontier=frontier,
        tail=rest,
        owed=owed,
        unsynced=unsynced,
        published=signed if by_newest else None,
        latest_ns=max(times, default=0),
        unproved=believed.unproved,
    )


def _drop_unborn(found: list[Segment]) -> list[Segment]:
    """Leave out a newest segment that a crash kept from its first frame: the one before still holds everything."""
    while len(found) > 1 and not found[-1].entries and not found[-1].claims():
        found[-1].path.unlink()
        found = found[:-1]
    return found


def _believed(path: Path, segments: list[Segment], origin: str, keys: LogKeys, signed: int) -> _Believed:
    """Take of each segment what a seal or the checkpoint covers, and set aside what follows."""
    base, entries, roots = segments[0].base, list[bytes](), dict[int, bytes]()
    unproved = []
    if base > max(signed, sealed_stop(segments[0], origin, keys.newest)):
        raise RejectedError(f"step 2: the {base} entries before the journal are not sealed by the log", where=str(path))
    for segment in segments:
        covered = sealed_stop(segment, origin, keys.newest)
        if covered >= 0 and segment.root is not None:
            roots[segment.base] = segment.root
        upto = min(segment.stop, max(covered, signed))
        stop = base + len(entries)
        if segment.base % tiles.WIDTH or not base <= segment.base <= stop:
            unproved.append(_set_aside(path, segment, segment.base, "it does not go on from what is there"))
            continue
        taken = segment.entries[: max(0, upto - segment.base)]
        if covered >= 0 or segment.base + len(taken) > stop:
            entries[segment.base - base :] = taken
        if segment.broken or segment.stop > upto or _is_whole(segment) or _is_unsealed(segment, origin, keys):
            why = segment.broken or "it is not sealed by the log"
            unproved.append(_set_aside(path, segment, max(upto, segment.base), why))
    return _Believed(base=base, entries=entries, roots=roots, unproved=tuple(unproved))


def _is_unsealed(segment: Segment, origin: str, keys: LogKeys) -> bool:
    """Say whether none of its seals holds, though one is made with the segment and either slot leaves the other whole."""
    known = (keys.newest, *(r.former for r in keys.rotations))
    return segment.root is not None and all(sealed_stop(segment, origin, key) < 0 for key in known)


def _is_whole(segment: Segment) -> bool:
    """Say whether what follows the last frame is one of its full length: no write that was cut short."""
    rest = segment.rest
    if len(rest) < journals.HEAD.size or not rest.startswith(journals.MAGIC):
        return False
    length = journals.HEAD.unpack_from(rest)[3]
    return bool(length) and len(rest) >= journals.HEAD.size + length and any(rest[journals.HEAD.size :])


def _set_aside(path: Path, segment: Segment, first: int, why: str) -> Unproved:
    """Keep a segment as it was found, durably."""
    data = read_whole(segment.path, MAX_SEGMENT) or b""
    sha256 = hashlib.sha256(data).hexdigest()
    kept = path / ASIDE / f"{segment.base:018d}-{sha256[:16]}"
    write_whole(kept, data, sync=True)
    return Unproved(first=first, count=max(0, segment.stop - first), why=why, kept=kept, sha256=sha256)


def _replay(
    path: Path, frontier: Frontier, believed: _Believed, at: int
) -> tuple[dict[Path, bytes], set[Path], list[bytes], dict[int, bytes]]:
    """Grow the frontier by the journal; returns what is owed, what is there, entries in no bundle, roots by size."""
    owed: dict[Path, bytes] = {}
    there: set[Path] = set()
    rest: list[bytes] = []
    wanted = {at, *believed.roots}
    roots = {frontier.size: frontier.root()}
    for entry in believed.entries:
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
        if frontier.size in wanted:
            roots[frontier.size] = frontier.root()
    return owed, there, rest, roots


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


def _signed(note: Note, origin: str, keys: LogKeys, path: Path) -> Checkpoint:
    """Return the checkpoint, signed by the newest key; or the very one that its last change began from, after a crash."""
    found = checkpoints.of_note(note)
    changed = next((r for r in keys.rotations[-1:] if (r.size, r.root) == (found.size, found.root)), None)
    try:
        checkpoints.verify(note, origin, keys if changed else keys.newest)
    except RejectedError as error:
        raise RejectedError(
            f"step 1: the checkpoint is not this log's: {error.message}", where=str(path / CHECKPOINT)
        ) from None
    return found


def _is_by(note: Note, origin: str, keys: LogKeys) -> bool:
    """Say whether the newest key signed; after a change of key, the next checkpoint is signed at once."""
    try:
        checkpoints.verify(note, origin, keys.newest)
    except RejectedError:
        return False
    return True


def _check(signed: Checkpoint, ledger: LedgerFolder, believed: _Believed, roots: dict[int, bytes]) -> None:
    stop = believed.base + len(believed.entries)
    if signed.size > stop:
        raise RejectedError(
            f"step 4: the ledger was cut short: {stop} of {signed.size} entries are left",
            where=f"{ledger.path} entries {stop}-{signed.size - 1}",
        )
    if (roots.get(signed.size) or ledger.tree(signed.size).root()) != signed.root:
        raise RejectedError(
            f"step 4: the first {signed.size} entries are not those that were signed "
            f"({notes.DASH} run `mumetal audit verify`)",
            where=str(ledger.path / CHECKPOINT),
        )


def _resume(folder: Path, newest: Segment, session: Session) -> Journal:
    """Go on with the newest segment; older ones, which a crash kept from being removed, stay until the next rotation."""
    journal = Journal(folder, newest.base, newest.digest, newest.end, session, newest.last_slot)
    if newest.rest:
        torn = journal.cut(newest.end + len(newest.rest))[:MAX_ASIDE]
        aside = open_regular(folder.parent / TORN, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
        try:
            os.write(aside, torn)
            os.fsync(aside)
        finally:
            os.close(aside)
    return journal
