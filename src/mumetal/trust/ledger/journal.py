"""What was appended lately, in the order it came: the part of a ledger that a crash may not lose.

A segment is a file named by its first index. It is a row of frames: a head (magic, first index, how many entries, how
many bytes, SHA-256 over the digest before, the numbers and the body) and the body, a bundle of the entries. A frame
that does not hold at the very end was never acknowledged; anywhere else it was tampered with.
"""

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.ledger.disk import sync_path, write_at
from mumetal.trust.ledger.tiles import decode_bundle, encode_bundle

MAGIC = b"MuJ1"
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


def genesis(base: int) -> bytes:
    """Return the digest that a segment's first frame goes on from."""
    return hashlib.sha256(b"mumetal ledger journal %d" % base).digest()


def frames(data: bytes, base: int, where: str) -> Iterator[Frame]:
    """Yield a segment's frames up to a torn end.

    Raises:
        RejectedError: A frame that is not the last does not hold.
    """
    at, previous, index = 0, genesis(base), base
    while at < len(data):
        try:
            frame = decode_frame(data, at, previous)
        except BadInputError as error:
            if _another_follows(data, at):
                raise RejectedError(f"entries were altered in the journal: {error.message}", where=where) from None
            return
        if frame.first != index:
            raise RejectedError("entries were removed or reordered in the journal", where=where)
        yield frame
        at, previous, index = frame.stop, frame.digest, index + len(frame.entries)


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
    """

    def __init__(self, folder: Path, base: int, digest: bytes, size: int) -> None:
        self._folder = folder
        self.base = base
        self._digest = digest
        self.size = size
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._path(base), flags, 0o600)

    @classmethod
    def start(cls, folder: Path, base: int, entries: Sequence[bytes] = ()) -> "Journal":
        """Start a segment, durably, with the entries that are in no full bundle yet.

        Raises:
            OSError: The disk is full.
        """
        journal = cls(folder, base, genesis(base), 0)
        try:
            os.ftruncate(journal._file, 0)
            for at in range(0, len(entries), MAX_COUNT):
                part = entries[at : at + MAX_COUNT]
                journal.append(base + at, len(part), encode_bundle(part))
            sync_path(folder)
        except OSError:
            journal.close()
            with suppress(OSError):
                journal._path(base).unlink()
            raise
        return journal

    def append(self, first: int, count: int, body: bytes) -> None:
        """Write a frame; it would survive a power cut when this returns.

        Raises:
            OSError: It was not written, and nothing of it is left.
            UnavailableError: It was not written, and the file cannot be trusted any more.
        """
        if self._file < 0:
            raise UnavailableError("the ledger is closed", where=str(self._path(self.base)))
        data, digest = encode_frame(first, count, body, self._digest)
        try:
            write_at(self._file, data, self.size)
            os.fdatasync(self._file)
        except OSError:
            self._take_back()
            raise
        self.size += len(data)
        self._digest = digest

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

    def _path(self, base: int) -> Path:
        return self._folder / f"{base:018d}"
