"""What was appended lately, in the order it came: the part of a ledger that a crash may not lose.

A segment is a file named by its first index::

    0        magic, and the root of the tree below the first index
    4,096    a seal, 16,384 another (:mod:`mumetal.trust.ledger.session`): written in turn, so that one is always whole
    28,672   frames: a head (magic, first index, how many entries, how many bytes, SHA-256 over the digest before, the
             numbers and the body) and the body, a bundle of the entries

Frame and seal of a commit are made durable together. What the newest seal that matches covers is the log's own word;
what follows it was written by somebody else, or by a commit that a crash cut off and nobody was told of. Segments of
the former kind begin with their frames and have no seal: nothing in them is believed beyond the checkpoint.
"""

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.trust.ledger import session as sessions
from mumetal.trust.ledger.disk import write_at, write_whole
from mumetal.trust.ledger.merkle import HASH
from mumetal.trust.ledger.session import Seal, Session
from mumetal.trust.ledger.tiles import decode_bundle, encode_bundle

MAGIC = b"MuJ1"
SEGMENT = b"MuJ2"
SLOTS = (4_096, 16_384)
FRAMES = 28_672
HEAD = struct.Struct(">4sQII32s")
MAX_COUNT = 16_384
MAX_BODY = 64 * 2**20
MAX_ASIDE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Entries that were made durable together.

    Args:
        first: Index of the first.
        entries: Their bytes.
        digest: SHA-256 that the next frame goes on from.
        stop: Offset after the frame.
    """

    first: int
    entries: list[bytes]
    digest: bytes
    stop: int


def encode_frame(first: int, count: int, body: bytes, previous: bytes) -> tuple[bytes, bytes]:
    """Return a frame's bytes and its digest."""
    numbers = struct.pack(">QII", first, count, len(body))
    digest = hashlib.sha256(previous + numbers + body).digest()
    return MAGIC + numbers + digest + body, digest


def decode_frame(data: bytes, at: int, previous: bytes) -> Frame:
    """Read the frame at an offset.

    Raises:
        BadInputError: There is no whole frame.
    """
    if at + HEAD.size > len(data):
        raise BadInputError("the frame's head is cut short")
    magic, first, count, length, digest = HEAD.unpack_from(data, at)
    stop = at + HEAD.size + length
    if magic != MAGIC or not 0 < count <= MAX_COUNT or length > MAX_BODY or stop > len(data):
        raise BadInputError("no whole frame")
    body = data[at + HEAD.size : stop]
    if hashlib.sha256(previous + data[at + 4 : at + 20] + body).digest() != digest:
        raise BadInputError("the frame's digest does not hold")
    return Frame(first=first, entries=decode_bundle(body, count), digest=digest, stop=stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment's file, read as far as its frames hold.

    Args:
        base: Its first index.
        path: The file.
        root: Root of the tree below ``base``; None in a segment of the former kind.
        entries: What its frames hold.
        digests: The chain's digest by the index after each frame, from ``base`` on.
        seals: What its slots hold, unverified; None where there is no seal.
        end: Offset after the last whole frame.
        rest: Bytes after it.
        broken: Why what follows the last whole frame is no torn write; empty when it may be one.
    """

    base: int
    path: Path
    root: bytes | None
    entries: list[bytes]
    digests: dict[int, bytes]
    seals: tuple[Seal | None, ...]
    end: int
    rest: bytes
    broken: str = ""

    @property
    def stop(self) -> int:
        """Index after its last whole frame."""
        return self.base + len(self.entries)

    def claims(self) -> list[Seal]:
        """Return the seals that match a frame, the farthest first; they may be forged."""
        found = [s for s in self.seals if s is not None and self.digests.get(s.stop) == s.digest]
        return sorted(found, key=lambda s: -s.stop)

    @property
    def digest(self) -> bytes:
        """The chain's digest after the last whole frame."""
        return self.digests[self.stop]

    @property
    def last_slot(self) -> int:
        """Which slot holds the farthest seal that matches; -1 when none does."""
        claims = self.claims()
        return self.seals.index(claims[0]) if claims else -1


def genesis(base: int, root: bytes | None) -> bytes:
    """Return the digest that a segment's first frame goes on from."""
    return hashlib.sha256(b"mumetal ledger journal %d" % base + (root or b"")).digest()


def read_segment(path: Path, base: int, data: bytes) -> Segment:
    """Read a segment's bytes, as far as its frames hold and follow one another."""
    sealed = data.startswith(SEGMENT)
    root = data[len(SEGMENT) : len(SEGMENT) + HASH] if sealed else None
    at, previous, index = FRAMES if sealed else 0, genesis(base, root), base
    entries: list[bytes] = []
    digests, broken = {base: previous}, ""
    while at < len(data):
        try:
            frame = decode_frame(data, at, previous)
        except BadInputError as error:
            if _another_follows(data, at):
                broken = f"entries were altered in the journal: {error.message}"
            break
        if frame.first != index:
            broken = "entries were removed or reordered in the journal"
            break
        entries += frame.entries
        at, previous, index = frame.stop, frame.digest, index + len(frame.entries)
        digests[index] = previous
    seals = tuple(sessions.decode(data[slot : slot + sessions.LAYOUT.size]) for slot in SLOTS) if sealed else ()
    return Segment(
        base=base, path=path, root=root, entries=entries, digests=digests, seals=seals, end=at,
        rest=data[at:], broken=broken,
    )  # fmt: skip


def _another_follows(data: bytes, at: int) -> bool:
    """Say whether there is a later frame's head: a torn write is the last there is."""
    found = data.find(MAGIC, at + 1)
    while found >= 0:
        if found + HEAD.size <= len(data):
            _, first, count, length, _ = HEAD.unpack_from(data, found)
            if 0 < count <= MAX_COUNT and 2 * count <= length <= MAX_BODY and first < 10**18:
                return True
        found = data.find(MAGIC, found + 1)
    return False


def segments(folder: Path) -> list[tuple[int, Path]]:
    """Return (first index, path) of the segments, oldest first."""
    try:
        found = [p for p in folder.iterdir() if p.name.isascii() and p.name.isdigit() and len(p.name) == 18]
    except FileNotFoundError:
        return []
    return sorted((int(p.name), p) for p in found)


class Journal:
    """The segment that is written now.

    Args:
        folder: Where segments are.
        base: Its first index.
        digest: Digest of its last frame.
        size: Bytes of it that count.
        session: Seals each commit.
        slot: Which slot holds the newest seal; the other one is written next.
    """

    def __init__(self, folder: Path, base: int, digest: bytes, size: int, session: Session, slot: int = -1) -> None:
        self._folder = folder
        self.base = base
        self._digest = digest
        self.size = size
        self.session = session
        self._slot = slot
        self._file = os.open(_place(folder, base), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)

    @classmethod
    def start(cls, folder: Path, base: int, root: bytes, session: Session, entries: Sequence[bytes] = ()) -> "Journal":
        """Start a segment, durably and whole or not at all, with the entries that are in no full bundle yet.

        Raises:
            OSError: The disk is full.
            UnavailableError: The log's key cannot be reached to vouch for this session.
        """
        data, digest = bytearray(SEGMENT + root).ljust(FRAMES, b"\0"), genesis(base, root)
        for at in range(0, len(entries), MAX_COUNT):
            part = entries[at : at + MAX_COUNT]
            frame, digest = encode_frame(base + at, len(part), encode_bundle(part), digest)
            data += frame
        seal = sessions.encode(session.seal(base + len(entries), digest))
        data[SLOTS[0] : SLOTS[0] + len(seal)] = seal
        write_whole(_place(folder, base), bytes(data), sync=True)
        return cls(folder, base, digest, len(data), session, slot=0)

    def append(self, first: int, count: int, body: bytes) -> None:
        """Write a frame and seal it; it would survive a power cut when this returns.

        Raises:
            OSError: It was not written, and nothing of it is left.
            UnavailableError: It was not written, and the file cannot be trusted any more, or the log's key cannot be
                reached to vouch for this session.
        """
        if self._file < 0:
            raise UnavailableError("the ledger is closed", where=str(_place(self._folder, self.base)))
        data, digest = encode_frame(first, count, body, self._digest)
        seal, slot = sessions.encode(self.session.seal(first + count, digest)), (self._slot + 1) % len(SLOTS)
        try:
            write_at(self._file, seal, SLOTS[slot])  # before its frame: a kill in between leaves a seal of nothing
            write_at(self._file, data, self.size)
            os.fdatasync(self._file)
        except OSError:
            self._take_back()
            raise
        self.size += len(data)
        self._digest, self._slot = digest, slot

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def cut(self, end: int) -> bytes:
        """Drop bytes after the last whole frame and return them, at most 1 MiB."""
        torn = os.pread(self._file, min(end - self.size, MAX_ASIDE), self.size)
        os.ftruncate(self._file, self.size)
        os.fsync(self._file)
        return torn

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self.size)
        except OSError:
            self.close()  # what is at the end is unknown: nothing may follow it


def _place(folder: Path, base: int) -> Path:
    return folder / f"{base:018d}"
