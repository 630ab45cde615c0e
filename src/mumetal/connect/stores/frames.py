"""The log's outer shell: one frame is one delivery, with its length, its sequence and its SHA-256.

A segment file is a 32-byte head followed by frames, back to back::

    segment head   magic(8) first sequence(u64) salt(8) crc32(u32) zero(u32)
    frame head     magic(4) crc32(u32) sequence(u64) written_ns(i64) length(u64) sha256(32)
    frame body     `length` bytes, a multiple of eight

The CRC of a frame head is taken over the segment's random salt first, so that nobody who only sends data can forge
something that looks like a frame inside a body. All integers are little-endian. Pure: bytes in, values out.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass

from mumetal.core.errors import BadInputError

SEGMENT_MAGIC = b"MUMETALG"
FRAME_MAGIC = b"MMF1"
SEGMENT_HEAD = struct.Struct("<8sQ8sII")
FRAME_HEAD = struct.Struct("<4sIQqQ32s")
MAX_BODY = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHead:
    """What the first 32 bytes of a segment say.

    Args:
        first: Sequence of the segment's first frame, 1 or more.
        salt: Eight random bytes that every frame head's checksum starts from.
    """

    first: int
    salt: bytes

    def encode(self) -> bytes:
        """Return the 32 bytes."""
        crc = zlib.crc32(SEGMENT_HEAD.pack(SEGMENT_MAGIC, self.first, self.salt, 0, 0))
        return SEGMENT_HEAD.pack(SEGMENT_MAGIC, self.first, self.salt, crc, 0)


def parse_segment_head(data: bytes, where: str = "segment") -> SegmentHead:
    """Read a segment's head.

    Raises:
        BadInputError: Too short, another magic or a wrong checksum.
    """
    if len(data) < SEGMENT_HEAD.size:
        raise BadInputError("a log segment is shorter than its head", where=where)
    magic, first, salt, crc, zero = SEGMENT_HEAD.unpack_from(data)
    expected = zlib.crc32(SEGMENT_HEAD.pack(SEGMENT_MAGIC, first, salt, 0, 0))
    if magic != SEGMENT_MAGIC or crc != expected or zero or first < 1:
        raise BadInputError("not the head of a log segment", where=where)
    return SegmentHead(first=first, salt=salt)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHead:
    """What the 64 bytes before a body say.

    Args:
        sequence: Position in the log, 1 or more.
        written_ns: Wall time of the write, nanoseconds since 1970 UTC; not trusted to be in order.
        length: Bytes of the body.
        digest: SHA-256 of the body, 32 bytes.
    """

    sequence: int
    written_ns: int
    length: int
    digest: bytes

    @property
    def size(self) -> int:
        """Bytes of head and body together."""
        return FRAME_HEAD.size + self.length

    def encode(self, salt: bytes) -> bytes:
        """Return the 64 bytes, checked from ``salt``."""
        rest = FRAME_HEAD.pack(b"", 0, self.sequence, self.written_ns, self.length, self.digest)[8:]
        return FRAME_MAGIC + struct.pack("<I", zlib.crc32(rest, zlib.crc32(salt))) + rest


def parse_frame_head(data: bytes | memoryview, salt: bytes, where: str = "frame") -> FrameHead:
    """Read a frame's head.

    Raises:
        BadInputError: Too short, another magic, a wrong checksum or an impossible length.
    """
    if len(data) < FRAME_HEAD.size:
        raise BadInputError("a log frame is shorter than its head", where=where)
    magic, crc, sequence, written_ns, length, digest = FRAME_HEAD.unpack_from(data)
    if magic != FRAME_MAGIC or crc != zlib.crc32(data[8 : FRAME_HEAD.size], zlib.crc32(salt)):
        raise BadInputError("a log frame's head fails its checksum", where=where)
    if length > MAX_BODY or length % 8 or sequence < 1:
        raise BadInputError(f"a log frame claims {length} bytes", where=where)
    return FrameHead(sequence=sequence, written_ns=written_ns, length=length, digest=digest)


def check_body(head: FrameHead, body: bytes | memoryview, where: str = "frame") -> None:
    """Refuse a body that is short or altered.

    Raises:
        BadInputError: The body is not what the head's length and SHA-256 say.
    """
    if len(body) != head.length:
        raise BadInputError(f"a log frame has {len(body)} of {head.length} bytes", where=where)
    if hashlib.sha256(body).digest() != head.digest:
        raise BadInputError(f"log frame {head.sequence} fails its SHA-256", where=where)


def next_head(data: bytes | memoryview, salt: bytes, start: int, after: int) -> int:
    """Return the offset of the first sound frame head at or behind ``start`` whose sequence is past ``after``, or -1.

    What stands behind a broken frame tells a torn tail (nothing does) from a corrupt middle (something does).
    """
    raw = bytes(data)
    at = raw.find(FRAME_MAGIC, start)
    while at >= 0:
        try:
            if parse_frame_head(raw[at : at + FRAME_HEAD.size], salt).sequence > after:
                return at
        except BadInputError:
            pass
        at = raw.find(FRAME_MAGIC, at + 1)
    return -1
