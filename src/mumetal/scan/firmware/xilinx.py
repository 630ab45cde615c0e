"""Xilinx bitstreams: the ``.bit`` header, and the configuration packets of ``.bit`` and ``.bin`` files.

The packets are replayed as register writes (UG470 chapter 5, UG570 chapter 9): what device they are for, where frames
go, whether the CRC that the device itself would check holds, what follows the end. A bitstream can switch its CRC off
and whoever alters frames can compute a new one: a CRC that holds shows no intent, one that fails shows damage or haste.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mumetal.scan.firmware.parsed import Parsed, text

if TYPE_CHECKING:
    from mumetal.scan.firmware.xilinx_crc import Words

MAGIC = bytes.fromhex("00090ff00ff00ff00ff0000001")
SYNC = bytes.fromhex("aa995566")
SWAPPED = bytes.fromhex("665599aa")
SYNC_WITHIN = 4_096
MAX_PACKETS = 400_000
CRC, FAR, FDRI, CMD, CTL0, CBC, IDCODE, AXSS, WBSTAR = 0, 1, 2, 4, 5, 11, 12, 13, 16
LOUT = 8
RCRC, DESYNC = 7, 13
BIG_WRITE = 64
FAMILY_7 = 0x03600000, 0x0FE00000


@dataclass(slots=True, kw_only=True)
class _Replay:
    """Where the replay of register writes is."""

    words: "Words"
    base: int
    crc: int = 0
    checks: int = 0
    blocks: int = 0
    packets: int = 0
    desynced: bool = False
    seen: set[tuple[int, int]] = field(default_factory=set)


def is_bit(data: bytes) -> bool:
    """Say whether the bytes start like a ``.bit`` file."""
    return data.startswith(MAGIC)


def is_bin(data: bytes) -> bool:
    """Say whether a sync word stands near the start, after nothing but padding and bus-width patterns."""
    head = data[:SYNC_WITHIN]
    for sync in (SYNC, SWAPPED):
        at = head.find(sync)
        if at >= 4 and at % 4 == 0 and head[:at].count(0xFF) * 2 > at:
            return True
    return False


def parse_bit(draft: Parsed) -> None:
    """Read a ``.bit`` file: design, part, date, then the configuration.

    Raises:
        BadInputError: A header field or a packet reaches past the end.
    """
    at = len(MAGIC)
    for tag, name in ((b"a", "design"), (b"b", "part"), (b"c", "date"), (b"d", "time")):
        if draft.data[at : at + 1] != tag:
            raise draft.bad(f"field {tag.decode()} is missing from the header", at)
        (length,) = draft.read(">H", at + 1)
        if at + 3 + length > len(draft.data):
            raise draft.bad("a header field reaches past the end", at)
        draft.fact(name, text(draft.data[at + 3 : at + 3 + length]))
        at += 3 + length
    if draft.data[at : at + 1] != b"e":
        raise draft.bad("field e is missing from the header", at)
    (length,) = draft.read(">I", at + 1)
    at += 5
    draft.region("header", "header", 0, at)
    draft.promise("length", length == len(draft.data) - at, f"header says {length}, there are {len(draft.data) - at}")
    parse_packets(draft, at, min(len(draft.data), at + length))
    if at + length < len(draft.data):
        draft.region("after-end", "trailer", at + length, len(draft.data))


def parse_bin(draft: Parsed) -> None:
    """Read a configuration without a header, in either byte order.

    Raises:
        BadInputError: A packet reaches past the end.
    """
    parse_packets(draft, 0, len(draft.data))


def parse_packets(draft: Parsed, start: int, stop: int) -> None:
    """Replay the configuration between two offsets.

    Raises:
        BadInputError: There is no sync word, a packet reaches past the end, or there are too many packets.
    """
    import numpy as np  # only a bitstream needs it: telling that a file is none does not

    head = draft.data[start : min(stop, start + SYNC_WITHIN)]
    at, swapped = head.find(SYNC), False
    if at < 0:
        at, swapped = head.find(SWAPPED), True
    if at < 0:
        raise draft.bad("no sync word", start)
    first = start + at + 4
    count = (stop - first) // 4
    words = np.frombuffer(draft.data, "<u4" if swapped else ">u4", count, first).astype(np.uint32)
    draft.fact("byte-order", "swapped" if swapped else "straight")
    draft.region("padding", "padding", start, first - 4)
    replay = _Replay(words=words, base=first)
    end = _replay(draft, replay)
    draft.region("commands", "commands", first - 4, first + 4 * end)
    if replay.checks == 0:
        draft.promise("crc.present", False, "the configuration never checks its CRC")
    draft.promise("desync", replay.desynced, "the configuration ends with DESYNC")
    _trailer(draft, first + 4 * end, stop)


def _replay(draft: Parsed, replay: _Replay) -> int:
    at, address = 0, 0
    words = replay.words
    while at < words.size and not replay.desynced:
        replay.packets += 1
        if replay.packets > MAX_PACKETS:
            raise draft.bad(f"more than {MAX_PACKETS} packets", replay.base + 4 * at)
        header = int(words[at])
        kind, operation = header >> 29, header >> 27 & 3
        if kind == 1:
            address, count = header >> 13 & 0x1F, header & 0x7FF
        elif kind == 2:
            count = header & 0x7FFFFFF
        elif header in {0xFFFFFFFF, 0}:
            count, operation = 0, 0
        else:
            raise draft.bad(f"{header:08x} is no packet", replay.base + 4 * at)
        at += 1
        if operation == 2:
            if at + count > words.size:
                raise draft.bad("a packet reaches past the end", replay.base + 4 * at)
            _write(draft, replay, address, at, count)
        at += count if operation == 2 else 0
    return at


def _write(draft: Parsed, replay: _Replay, address: int, at: int, count: int) -> None:
    from mumetal.scan.firmware import xilinx_crc

    block = replay.words[at : at + count]
    if address == CRC and count:
        replay.checks += 1
        expected = int(block[-1])
        draft.promise(f"crc{replay.checks}", expected == replay.crc, f"carries {expected:08x}, is {replay.crc:08x}")
        replay.crc = 0
        return
    if address == FDRI and count >= BIG_WRITE:
        name = f"fdri{replay.blocks}"
        replay.blocks += 1
        draft.region(name, "frames", replay.base + 4 * at, replay.base + 4 * (at + count))
        _frames(draft, name, block)
    if address != LOUT:
        replay.crc = xilinx_crc.run(replay.crc, block, address)
    for value in block[:4] if address in {CMD, CTL0, IDCODE, AXSS, WBSTAR, CBC} else ():
        _register(draft, replay, address, int(value))


def _register(draft: Parsed, replay: _Replay, address: int, value: int) -> None:
    if address == CMD:
        if value == RCRC:
            replay.crc = 0
        replay.desynced = replay.desynced or value == DESYNC
        return
    if (address, value) in replay.seen:
        return
    replay.seen.add((address, value))
    if address == IDCODE:
        draft.fact("idcode", f"{value:08x}")
    elif address == CTL0:
        draft.fact("ctl0", f"{value:08x}")
        if value & 0x40:
            draft.fact("encrypted", "the configuration is encrypted: its frames cannot be judged")
    elif address == WBSTAR and value:
        draft.fact("warm-boot", f"{value:08x}")
    elif address == AXSS:
        draft.fact("user-access", f"{value:08x}")


def _frames(draft: Parsed, name: str, block: "Words") -> None:
    """Check the ECC of each frame where the code is known: 7-series devices, whole frames."""
    from mumetal.scan.firmware import xilinx_crc

    code, mask = FAMILY_7
    idcode = next((int(t, 16) for kind, t in draft.facts if kind == "idcode"), 0)
    if idcode & mask != code or block.size % xilinx_crc.FRAME_WORDS_7:
        return
    broken = xilinx_crc.broken_frames_7(block)
    frames = block.size // xilinx_crc.FRAME_WORDS_7
    where = f", first {int(broken[0])}" if broken.size else ""
    draft.promise(f"{name}.frame-ecc", broken.size == 0, f"{broken.size} of {frames} frames differ{where}")


def _trailer(draft: Parsed, start: int, stop: int) -> None:
    """What follows DESYNC is padding, or something that does not belong there."""
    rest = draft.data[start:stop]
    draft.region("end", "trailer", start, stop)
    strange = len(rest) - rest.count(0) - rest.count(0xFF) - rest.count(0x20)
    draft.promise("end.padding", strange == 0, f"{strange} bytes after the end are no padding")
