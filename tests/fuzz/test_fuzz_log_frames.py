"""The log's parsers on damaged bytes: they refuse with BadInputError and do nothing else."""

import contextlib
import random

from tests.stores_data import event, snapshot

from mumetal.connect.stores.frames import (
    FRAME_HEAD,
    SEGMENT_HEAD,
    FrameHead,
    SegmentHead,
    check_body,
    next_head,
    parse_frame_head,
    parse_segment_head,
)
from mumetal.connect.stores.payload import ChannelMaps, Draft, decode
from mumetal.core.delivery import Delivery, Quarantined
from mumetal.core.errors import BadInputError

SALT = b"saltsalt"


def sample() -> bytes:
    delivery = Delivery(
        source="s", data=(event("e"), snapshot()), quarantined=(Quarantined.of("f:1", "bad", b"x"),), cursor="1"
    )
    parts, digest = Draft(delivery, ChannelMaps()).finish(delivery, ())
    body = b"".join(parts)
    head = FrameHead(sequence=1, written_ns=5, length=len(body), digest=digest)
    return SegmentHead(first=1, salt=SALT).encode() + head.encode(SALT) + body


def fuzz_one(data: bytes) -> None:
    """Read ``data`` as a segment, as a frame, and as a body (without series: those are read behind a SHA-256 only)."""
    next_head(data, SALT, 0, 0)
    for read in (
        lambda: parse_segment_head(data),
        lambda: check_body(parse_frame_head(data, SALT), data[FRAME_HEAD.size :]),
        lambda: decode(data),
        lambda: decode(data[SEGMENT_HEAD.size + FRAME_HEAD.size :]),
    ):
        with contextlib.suppress(BadInputError):
            read()


def test_ten_thousand_damaged_inputs() -> None:
    chance = random.Random(11)
    sound = sample()
    parse_segment_head(sound)
    fuzz_one(sound)
    assert decode(sound[SEGMENT_HEAD.size + FRAME_HEAD.size :])[0].cursor == "1"
    for turn in range(10_000):
        data = bytearray(sound if turn % 4 else chance.randbytes(chance.randrange(300)))
        for _ in range(chance.randrange(1, 6)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        if turn % 3 == 0:
            del data[chance.randrange(len(data) + 1) :]
        fuzz_one(bytes(data))
