"""The tree in tiles of 256 hashes, and entries in bundles of 256 (C2SP tlog-tiles): names, bytes, proofs.

Tile *n* of level *l* holds the hashes of the subtrees of ``256**l`` leaves from ``n * 256`` on; only full tiles count
at the level above. A bundle is its entries, each after its length as a big-endian 16-bit number.
"""

import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.ledger import merkle

WIDTH = 256
HEIGHT = 8
MAX_ENTRY = 0xFFFF
MAX_BUNDLE = WIDTH * (MAX_ENTRY + 2)
ENTRIES = "entries"
NAME = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return the place of a tile, or of a bundle when ``level`` is ``"entries"``, such as ``tile/0/x001/234.p/7``."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03d}")
    partial = f".p/{width}" if width < WIDTH else ""
    return f"tile/{level}/{'/'.join(parts)}{partial}"


def widths(size: int) -> Sequence[tuple[int, int, int]]:
    """Return (level, index, width) of the partial tiles of a tree of ``size`` leaves."""
    found, level = [], 0
    while size:
        if size % WIDTH:
            found.append((level, size // WIDTH, size % WIDTH))
        size //= WIDTH
        level += 1
    return found


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle.

    Raises:
        BadInputError: One is longer than 65,535 bytes.
    """
    lengths = list(map(len, entries))
    if max(lengths, default=0) > MAX_ENTRY:
        raise BadInputError(f"an entry has {max(lengths)} bytes, more than {MAX_ENTRY}")
    heads = struct.pack(f">{len(lengths)}H", *lengths)
    parts = [b""] * (2 * len(lengths))
    parts[0::2] = [heads[at : at + 2] for at in range(0, len(heads), 2)]
    parts[1::2] = entries
    return b"".join(parts)


def decode_bundle(data: bytes, count: int = WIDTH, where: str = "bundle") -> list[bytes]:
    """Read exactly ``count`` entries.

    Raises:
        BadInputError: It has fewer, or bytes are left.
    """
    entries: list[bytes] = []
    at = 0
    for _ in range(count):
        if at + 2 > len(data):
            raise BadInputError(f"the bundle ends after {len(entries)} of {count} entries", where=where)
        stop = at + 2 + int.from_bytes(data[at : at + 2])
        if stop > len(data):
            raise BadInputError(f"the bundle ends within entry {len(entries)}", where=where)
        entries.append(data[at + 2 : stop])
        at = stop
    if at != len(data):
        raise BadInputError(f"{len(data) - at} bytes after the last entry", where=where)
    return entries


def split_tile(data: bytes, width: int, where: str = "tile") -> list[bytes]:
    """Return a tile's hashes.

    Raises:
        BadInputError: It has another length.
    """
    if len(data) != width * merkle.HASH:
        raise BadInputError(f"a tile of {width} hashes has {width * merkle.HASH} bytes, not {len(data)}", where=where)
    return [data[i : i + merkle.HASH] for i in range(0, len(data), merkle.HASH)]


class TiledTree:
    """Proofs from tiles; the few tiles near the root stay in memory.

    Args:
        read: Gives the bytes of the tile (level, index, width).
        size: Leaves of the tree.
        kept: Most tiles kept in memory, 16 KiB each.
    """

    def __init__(self, read: Callable[[int, int, int], bytes], size: int, kept: int = 256) -> None:
        self._read = read
        self.size = size
        self._kept = kept
        self._heights: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()
        self._lock = Lock()

    def subtree(self, height: int, index: int) -> bytes:
        """Return the hash of a perfect subtree; see :data:`mumetal.trust.ledger.merkle.Subtree`.

        Raises:
            RejectedError: Its tile is missing or has another length.
        """
        level, inner = divmod(height, HEIGHT)
        per_tile = WIDTH >> inner
        tile, place = divmod(index, per_tile)
        return self._tile(level, tile)[inner][place]

    def top(self, level: int, tile: int) -> bytes:
        """Return the hash that a full tile is at the level above."""
        return self._tile(level, tile)[-1][0]

    def root(self, size: int | None = None) -> bytes:
        """Return the hash of the tree, or of its first ``size`` leaves."""
        return merkle.root_of(self.subtree, 0, self._within(self.size if size is None else size))

    def leaf(self, index: int) -> bytes:
        """Return the hash of one leaf."""
        self._at(index)
        return self.subtree(0, index)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf."""
        size = self._within(self.size if size is None else size)
        self._at(index)
        return merkle.inclusion(self.subtree, index, size)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the first ``old`` leaves begin the first ``new``."""
        new = self._within(self.size if new is None else new)
        return [] if old in {0, new} else merkle.consistency(self.subtree, old, new)

    def _within(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise BadInputError(f"the tree has {self.size} leaves, not {size}")
        return size

    def _at(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise BadInputError(f"there is no entry {index}, there are {self.size}", where=f"ledger:{index}")

    def _full(self, level: int, tile: int) -> int:
        return min(WIDTH, (self.size >> HEIGHT * level) - tile * WIDTH)

    def _tile(self, level: int, tile: int) -> list[list[bytes]]:
        with self._lock:
            found = self._heights.get((level, tile))
            if found is not None:
                self._heights.move_to_end((level, tile))
                return found
        width = self._full(level, tile)
        where = path(level, tile, width)
        try:
            row = split_tile(self._read(level, tile, width), width, where)
        except BadInputError as error:
            raise RejectedError(f"a tile was damaged: {error.message}", where=where) from None
        rows = [row]
        while len(rows[-1]) > 1:
            rows.append(merkle.pairs(rows[-1]))
        with self._lock:
            self._heights[level, tile] = rows
            if len(self._heights) > self._kept:
                self._heights.popitem(last=False)
        return rows


class Frontier:
    """The right edge of a growing tree: what is not in a full tile yet. 8 KiB per level.

    Args:
        rows: Hashes of the partial tile of each level, from the leaves up.
        size: Leaves so far.
    """

    def __init__(self, rows: Sequence[Sequence[bytes]] = (), size: int = 0) -> None:
        self._rows = [list(row) for row in rows]
        self.size = size

    @classmethod
    def of(cls, tree: TiledTree) -> "Frontier":
        """Return the right edge of a stored tree whose size is a multiple of 256, from its full tiles alone."""
        rows: list[list[bytes]] = [[]]
        level, count = 0, tree.size // WIDTH
        while count:
            rows.append([tree.top(level, i) for i in range(count // WIDTH * WIDTH, count)])
            count //= WIDTH
            level += 1
        return cls(rows, tree.size)

    def copy(self) -> "Frontier":
        """Return another that grows by itself."""
        return Frontier(self._rows, self.size)

    def add(self, leaf_hash: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf; returns the (level, index, bytes) of the tiles that are full by it."""
        full: list[tuple[int, int, bytes]] = []
        level, hashed = 0, leaf_hash
        self.size += 1
        while True:
            if level == len(self._rows):
                self._rows.append([])
            row = self._rows[level]
            row.append(hashed)
            if len(row) < WIDTH:
                return full
            full.append((level, (self.size >> HEIGHT * (level + 1)) - 1, b"".join(row)))
            while len(row) > 1:
                row = merkle.pairs(row)
            hashed = row[0]
            self._rows[level] = []
            level += 1

    def partial(self) -> list[tuple[int, int, bytes]]:
        """Return the (level, index, bytes) of the partial tiles."""
        return [
            (level, self.size >> HEIGHT * (level + 1), b"".join(row)) for level, row in enumerate(self._rows) if row
        ]

    def root(self, *, full: bool = False) -> bytes:
        """Return the hash of the tree, or of what its full bundles hold alone."""
        result = b""
        for row in self._rows[full:]:
            result = _fold(row, result)
        return result or merkle.EMPTY


def _fold(row: Sequence[bytes], right: bytes) -> bytes:
    """Hash the perfect subtrees of a row, from the right, onto what lies right of them."""
    heights = [list(row)]
    while len(heights[-1]) > 1:
        heights.append(merkle.pairs(heights[-1]))
    count = len(row)
    for height, hashes in enumerate(heights):
        if count >> height & 1:
            hashed = hashes[(count >> height) - 1]
            right = merkle.node(hashed, right) if right else hashed
    return right
