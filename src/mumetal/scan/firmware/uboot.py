"""U-Boot images: legacy (``image.h``, CRC-32 over header and data) and FIT (a device tree that holds images and hashes).

A hash node in a FIT is a promise like a CRC: it is kept inside the same file. A signature node counts only when its
key comes from elsewhere; here it is named, not trusted.
"""

import hashlib
import lzma
import zlib

from mumetal.core.firmware import Region
from mumetal.scan.firmware import fdt
from mumetal.scan.firmware.parsed import Parsed, text

LEGACY = bytes.fromhex("27051956")
HEAD = 64
MAX_PART = 64 * 2**20
HASHES = {"sha1", "sha256", "sha384", "sha512", "md5", "crc32"}


def is_legacy(data: bytes) -> bool:
    """Say whether the bytes start like a legacy image."""
    return data.startswith(LEGACY) and len(data) >= HEAD


def is_fit(data: bytes) -> bool:
    """Say whether the bytes are a device tree with an ``images`` node near its start."""
    return fdt.is_fdt(data) and b"\0\0\0\1images\0" in data[:4_096]


def parse_legacy(draft: Parsed) -> Region:
    """Read a legacy image; returns where its data lie.

    Raises:
        BadInputError: The data reach past the end.
    """
    _, head_crc, stamp, size, load, entry, data_crc = draft.read(">7I", 0)
    system, machine, kind, packing = draft.read(">4B", 28)
    head = draft.data[:4] + bytes(4) + draft.data[8:HEAD]
    actual = zlib.crc32(head)
    draft.promise("header.crc", actual == head_crc, f"carries {head_crc:08x}, is {actual:08x}")
    draft.region("header", "header", 0, HEAD)
    if HEAD + size > len(draft.data):
        raise draft.bad("the data reach past the end", HEAD)
    found = draft.region("data", "code", HEAD, HEAD + size)
    actual = zlib.crc32(memoryview(draft.data)[HEAD : HEAD + size])
    draft.promise("data.crc", actual == data_crc, f"carries {data_crc:08x}, is {actual:08x}")
    rest = draft.data[HEAD + size :]
    draft.promise("end", not rest.strip(b"\0\xff"), f"{len(rest)} bytes follow the data")
    if rest:
        draft.region("after-end", "trailer", HEAD + size, len(draft.data))
    draft.fact("name", text(draft.data[32:64]))
    draft.fact("entry", f"{entry:#x}")
    draft.fact("legacy", f"load {load:#x} os {system} arch {machine} type {kind} packed {packing} time {stamp}")
    return found


def parse_fit(draft: Parsed) -> list[Region]:
    """Read a FIT; returns where its images' data lie.

    Raises:
        BadInputError: The tree or an external image reaches past the end.
    """
    (total,) = draft.read(">I", 4)
    values: dict[str, dict[str, tuple[int, int]]] = {}
    for found in fdt.properties(draft):
        values.setdefault(found.path, {})[found.name] = (found.start, found.stop)
    parts = []
    end = total
    for path, own in values.items():
        if path.startswith("/images/") and path.count("/") == 2:
            span = _span(draft, own, (total + 3) & ~3)
            if span is None:
                continue
            end = max(end, span[1])
            region = draft.region(path.lstrip("/"), "code", *span)
            parts.append(region)
            _hashes(draft, values, path, span)
        for name in ("description", "default", "entry", "load", "key-name-hint"):
            if name in own:
                draft.fact(f"fit-{name}", f"{path} {_show(draft, own[name])}")
    draft.region("tree", "header", 0, min(total, len(draft.data)))
    rest = draft.data[end:]
    draft.promise("end", not rest.strip(b"\0\xff"), f"{len(rest)} bytes follow the last image")
    return parts


def unpacked(data: bytes) -> bytes | None:
    """Return what gzip, xz or LZMA bytes unpack to, at most 64 MiB; None when they are none of these."""
    try:
        if data.startswith(b"\x1f\x8b\x08"):
            return zlib.decompressobj(wbits=31).decompress(data, MAX_PART)
        if data.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
            return lzma.LZMADecompressor(memlimit=MAX_PART * 2).decompress(data, MAX_PART)
    except (zlib.error, lzma.LZMAError, EOFError):
        return None
    return None


def _span(draft: Parsed, own: dict[str, tuple[int, int]], base: int) -> tuple[int, int] | None:
    if "data" in own:
        return own["data"]
    place, size = own.get("data-offset"), own.get("data-size")
    position = own.get("data-position")
    if size is None or (place is None and position is None):
        return None
    length = _number(draft, size)
    start = _number(draft, position) if position else base + _number(draft, place or size)
    if start + length > len(draft.data):
        raise draft.bad("an image's data reach past the end", start)
    return start, start + length


def _hashes(draft: Parsed, values: dict[str, dict[str, tuple[int, int]]], path: str, span: tuple[int, int]) -> None:
    for node, own in values.items():
        label = node.rsplit("/", 1)[-1]
        if not node.startswith(path + "/"):
            continue
        if label.startswith("signature"):
            draft.fact("signature-node", node)
        if not label.startswith("hash") or "algo" not in own or "value" not in own:
            continue
        algorithm = _show(draft, own["algo"])
        carried = draft.data[slice(*own["value"])]
        if algorithm not in HASHES:
            draft.fact("unknown-hash", f"{node} {algorithm}")
            continue
        body = memoryview(draft.data)[slice(*span)]
        if algorithm == "crc32":
            actual = zlib.crc32(body).to_bytes(4, "big")
        else:
            actual = hashlib.new(algorithm, body, usedforsecurity=False).digest()
        draft.promise(f"{node.lstrip('/')}.{algorithm}", actual == carried, f"carries {carried.hex()[:32]}")


def _number(draft: Parsed, span: tuple[int, int]) -> int:
    return int.from_bytes(draft.data[span[0] : min(span[1], span[0] + 8)], "big")


def _show(draft: Parsed, span: tuple[int, int]) -> str:
    return text(draft.data[slice(*span)])
