"""A ledger's folder as it is on the disk, for whoever only reads: auditors, witnesses, and the writer's own reading.

::

    checkpoint            the newest signed checkpoint
    tile/…                tiles and entry bundles (C2SP tlog-tiles)
    journal/…             the newest entries, as frames; absent in an exported copy
    keys/…                statements of a change of the log's key
    torn                  what a crash cut short, set aside; never acknowledged
    aside/…               journals in which something was not the log's own word, as they were found

Nothing of this is written atomically together: a reader takes the checkpoint first, then entries at least that far.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.keys.hybrid import HybridPublicKey
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import journal as journals
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger import tiles
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.disk import read_whole
from mumetal.trust.ledger.journal import Segment
from mumetal.trust.ledger.merkle import HASH
from mumetal.trust.ledger.note import Note
from mumetal.trust.ledger.tiles import MAX_BUNDLE, WIDTH, TiledTree

CHECKPOINT = "checkpoint"
JOURNAL = "journal"
PUBLIC = "log.pub"
LOCK = "lock"
TILES = "tile"
AFTER_THE_FIRST = (PUBLIC, "keys", "aside", "torn")  # made once there is a checkpoint, of no entries to begin with
MAX_SEGMENT = 256 * 2**20
TRIES = 5


class Tail:
    """The entries that the journal holds.

    Args:
        base: Index of the first, a multiple of 256.
        entries: Their bytes.
        segments: The segments that they were read from, oldest first; none where the writer gives its own.
    """

    def __init__(self, base: int, entries: list[bytes], segments: Sequence[Segment] = ()) -> None:
        self.base = base
        self.entries = entries
        self.segments = segments

    @property
    def stop(self) -> int:
        """Index after the last."""
        return self.base + len(self.entries)

    @property
    def claimed(self) -> int:
        """Index after the last entry that a seal claims to cover, verified or not."""
        return max((claim.stop for s in self.segments for claim in s.claims()), default=self.base)

    def proved(self, origin: str, public: HybridPublicKey) -> tuple[int, dict[int, bytes]]:
        """Return how far the log's own seals cover the entries, 0 for nothing; and roots, by size, that they prove."""
        stop, roots = 0, dict[int, bytes]()
        for segment in self.segments:
            covered = sealed_stop(segment, origin, public)
            if covered >= 0 and segment.root is not None:
                stop, roots = max(stop, covered), {**roots, segment.base: segment.root}
        return stop, roots


def sealed_stop(segment: Segment, origin: str, public: HybridPublicKey) -> int:
    """Return the index after the last entry of a segment that the log has sealed; -1 when it sealed nothing of it."""
    for claim in segment.claims():
        try:
            claim.verify(origin, public)
        except RejectedError:
            continue
        return claim.stop
    return -1


class LedgerFolder:
    """Reads one ledger.

    Args:
        path: Its folder.

    Raises:
        UnavailableError: There is no ledger.
        RejectedError: There are the tiles of one alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / CHECKPOINT).exists() and not (path / JOURNAL).is_dir():
            if (path / TILES).exists():
                raise RejectedError("journal and checkpoint are gone: the tiles are there", where=str(path))
            raise UnavailableError("there is no ledger here", where=str(path))

    def note(self) -> Note | None:
        """Return the newest checkpoint's note, unverified; None before the first.

        Raises:
            RejectedError: It cannot be read as one.
        """
        place = self.path / CHECKPOINT
        data = read_whole(place, notes.MAX_NOTE)
        if data is None:
            return None
        try:
            note = notes.decode(data, str(place))
            checkpoints.of_note(note, str(place))
        except BadInputError as error:
            raise RejectedError(f"the checkpoint was damaged: {error.message}", where=str(place)) from None
        return note

    def checkpoint(self) -> Checkpoint | None:
        """Return what the newest checkpoint says, unverified; None before the first."""
        note = self.note()
        return None if note is None else checkpoints.of_note(note)

    def tail(self) -> Tail | None:
        """Return the journal's entries; None in a copy without a journal, or at a log's first moment. A frame being written now is left out.

        What nobody sealed is among them: whoever believes an entry past the checkpoint asks :meth:`Tail.proved`.

        Raises:
            RejectedError: The journal was tampered with.
        """
        tail: Tail | None = None
        found: list[tuple[int, Path]] = []
        for _ in range(TRIES):
            found = journals.segments(self.path / JOURNAL)
            if not found:
                continue  # in a copy, always
            try:
                tail = _merged([read_segment(path, base) for base, path in found])
            except FileNotFoundError:
                continue  # the writer has just started a new segment
            if tail.stop <= tail.claimed:  # otherwise it is being written just now, or nobody has sealed it
                return tail
        if tail is not None:
            return tail
        if not found:
            if traces := self.traces():
                raise RejectedError(f"the journal is gone: {traces}", where=str(self.path / JOURNAL))
            return None
        raise UnavailableError("the journal changes too fast to be read", where=str(self.path))

    def traces(self, found: Sequence[Segment] = ()) -> str:
        """Say what tells of entries beside a journal that has none; empty for a log that never had any, and for a copy.

        Args:
            found: The journal's segments, none of which has an entry.
        """
        if (signed := (self.path / CHECKPOINT).exists()) and not found:
            is_copy = not (self.path / JOURNAL).exists() and not (self.path / LOCK).exists()
            return "" if is_copy else "the checkpoint is there"
        if (self.path / TILES).exists():
            return "the tiles of its entries are there"
        if any(segment.root is not None and not segment.claims() for segment in found):
            return "what it was sealed with is not there"
        there = [] if signed else [name for name in AFTER_THE_FIRST if (self.path / name).exists()]
        return f"{', '.join(there)} of its folder came after its checkpoint, which is gone" if there else ""

    def count(self) -> int:
        """Return how many entries there are: in the journal, or under the checkpoint of a copy without one."""
        tail = self.tail()
        checkpoint = None if tail else self.checkpoint()
        return tail.stop if tail else checkpoint.size if checkpoint else 0

    def bundle(self, index: int, width: int = WIDTH) -> bytes | None:
        """Return a bundle's bytes; of a narrower one those of a wider, when only that is there. None when gone."""
        data = read_whole(self.path / tiles.path(tiles.ENTRIES, index, width), MAX_BUNDLE)
        if data is None and width < WIDTH:
            return self._narrowed(index, width)
        return data

    def tile(self, level: int, index: int, width: int = WIDTH) -> bytes:
        """Return a tile's bytes; a narrower one may be cut from the full one.

        Raises:
            RejectedError: It is not there.
        """
        place = tiles.path(level, index, width)
        data = read_whole(self.path / place, WIDTH * HASH)
        if data is None and width < WIDTH:
            data = read_whole(self.path / tiles.path(level, index), WIDTH * HASH)
            data = None if data is None else data[: width * HASH]
        if data is None:
            raise RejectedError("a tile is missing", where=place)
        return data

    def tree(self, size: int) -> TiledTree:
        """Return the tree of a size for which there was a checkpoint."""
        return TiledTree(self.tile, size)

    def entries(self, start: int, stop: int, tail: Tail | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield (index, bytes) of entries that are there, in order; the writer gives its own ``tail``.

        Raises:
            RejectedError: A bundle is missing or damaged.
        """
        tail = tail or self.tail()
        checkpoint = None if tail else self.checkpoint()
        end = tail.stop if tail else checkpoint.size if checkpoint else 0
        for index in range(max(0, start) // WIDTH, -(-min(stop, end) // WIDTH)):
            first = index * WIDTH
            if tail and first >= tail.base:
                found = tail.entries[first - tail.base : first - tail.base + WIDTH]
            else:
                found = self._decoded(index, min(WIDTH, end - first))
            for at, entry in enumerate(found, first):
                if start <= at < stop:
                    yield at, entry

    def _decoded(self, index: int, width: int) -> list[bytes]:
        place = tiles.path(tiles.ENTRIES, index, width)
        data = self.bundle(index, width)
        if data is None:
            raise RejectedError("entries are missing", where=place)
        try:
            return tiles.decode_bundle(data, width, place)
        except BadInputError as error:
            raise RejectedError(f"entries were damaged: {error.message}", where=place) from None

    def _narrowed(self, index: int, width: int) -> bytes | None:
        data = self.bundle(index)
        if data is None:
            return None
        try:
            return tiles.encode_bundle(tiles.decode_bundle(data)[:width])
        except BadInputError:
            return data


def read_segment(path: Path, base: int) -> Segment:
    """Read one segment of the journal.

    Raises:
        FileNotFoundError: It is gone.
        UnavailableError: It cannot be read.
    """
    data = read_whole(path, MAX_SEGMENT)
    if data is None:
        raise FileNotFoundError(path)
    return journals.read_segment(path, base, data)


def _merged(found: Sequence[Segment]) -> Tail:
    tail = Tail(found[0].base, [], found)
    for segment in found:
        where = str(segment.path)
        if segment.broken:
            raise RejectedError(segment.broken, where=where)
        if segment.base % WIDTH or not tail.base <= segment.base <= tail.stop:
            raise RejectedError("a part of the journal is missing", where=where)
        overlap = tail.entries[segment.base - tail.base :]
        if overlap[: len(segment.entries)] != segment.entries[: len(overlap)]:
            raise RejectedError("two parts of the journal contradict one another", where=where)
        tail.entries += segment.entries[len(overlap) :]
    return tail
