"""A ledger's folder as it is on the disk, for whoever only reads: auditors, witnesses, and the writer's own reading.

::

    checkpoint            the newest signed checkpoint
    tile/…                tiles and entry bundles (C2SP tlog-tiles)
    journal/…             the newest entries, as frames; absent in an exported copy
    torn                  what a crash cut short, set aside; never acknowledged

Nothing of this is written atomically together: a reader takes the checkpoint first, then entries at least that far.
"""

from collections.abc import Iterator
from pathlib import Path

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import journal as journals
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger import tiles
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.disk import read_whole
from mumetal.trust.ledger.merkle import HASH
from mumetal.trust.ledger.note import Note
from mumetal.trust.ledger.tiles import MAX_BUNDLE, WIDTH, TiledTree

CHECKPOINT = "checkpoint"
JOURNAL = "journal"
MAX_SEGMENT = 256 * 2**20
TRIES = 5


class Tail:
    """The entries that the journal holds.

    Args:
        base: Index of the first, a multiple of 256.
        entries: Their bytes.
    """

    def __init__(self, base: int, entries: list[bytes]) -> None:
        self.base = base
        self.entries = entries

    @property
    def stop(self) -> int:
        """Index after the last."""
        return self.base + len(self.entries)


class LedgerFolder:
    """Reads one ledger.

    Args:
        path: Its folder.

    Raises:
        UnavailableError: There is no ledger.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / CHECKPOINT).exists() and not (path / JOURNAL).is_dir():
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
        """Return the journal's entries; None in a copy without a journal. A frame being written now is left out.

        Raises:
            RejectedError: The journal was tampered with.
        """
        for _ in range(TRIES):
            found = journals.segments(self.path / JOURNAL)
            if not found:
                return None
            try:
                return self._read(found)
            except FileNotFoundError:
                continue  # the writer has just started a new segment
        raise UnavailableError("the journal changes too fast to be read", where=str(self.path))

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

    def _read(self, found: list[tuple[int, Path]]) -> Tail:
        tail = Tail(found[0][0], [])
        for base, path in found:
            data = _segment(path)
            if base % WIDTH or not tail.base <= base <= tail.stop:
                raise RejectedError("a part of the journal is missing", where=str(path))
            for frame in journals.frames(data, base, str(path)):
                known = tail.stop - frame.first
                overlap = tail.entries[frame.first - tail.base :]
                if overlap[: len(frame.entries)] != frame.entries[: len(overlap)]:
                    raise RejectedError("two parts of the journal contradict one another", where=str(path))
                tail.entries += frame.entries[max(0, known) :]
        return tail


def _segment(path: Path) -> bytes:
    data = read_whole(path, MAX_SEGMENT)
    if data is None:
        raise FileNotFoundError(path)
    return data
