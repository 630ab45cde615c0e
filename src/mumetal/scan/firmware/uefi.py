"""UEFI firmware volumes (PI Specification 1.8, volume 3): volumes, files by GUID and name, sections, LZMA unpacked.

Checked: each volume header's 16-bit sum, each file header's 8-bit sum and its body's where the file asks for it.
"""

import lzma
import struct
import uuid

from mumetal.core.firmware import Region
from mumetal.scan.firmware.parsed import MAX_DEPTH, Parsed

SIGNATURE = b"_FVH"
LZMA = uuid.UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf")
FFS3 = uuid.UUID("5473c07a-3dcb-4dca-bd6f-1e9689e7349a")
FFS2 = uuid.UUID("8c8ce578-8a3d-4f1c-9935-896185c32dd3")
MAX_VOLUMES = 256
MAX_FILES = 8_192
MAX_SECTIONS = 256
MAX_SECTION = 128 * 2**20
PADDING_FILE = 0xF0
COMPRESSED, GUIDED, PE, UI, VERSION, VOLUME = 0x01, 0x02, 0x10, 0x15, 0x14, 0x17


def find_volumes(data: bytes) -> list[tuple[int, int]]:
    """Return (start, stop) of every volume whose header adds up in length, in order, none inside another."""
    found: list[tuple[int, int]] = []
    at = data.find(SIGNATURE)
    while at >= 0 and len(found) < MAX_VOLUMES:
        start = at - 40
        if start >= (found[-1][1] if found else 0) and start + 56 <= len(data):
            length, _, _, head = struct.unpack_from("<QIIH", data, start + 32)
            if 56 <= head <= length <= len(data) - start and head % 2 == 0:
                found.append((start, start + length))
                at = max(at, start + length - 4)
        at = data.find(SIGNATURE, at + 4)
    return found


def parse_volume(draft: Parsed, region: Region) -> None:
    """Read the volume that ``region`` spans: header sum, then the files.

    Raises:
        BadInputError: A file reaches past the volume, or there are too many.
    """
    start, stop, name = region.start, region.stop, _short(draft, region)
    (head,) = draft.read("<H", start + 48)
    total = sum(struct.unpack_from(f"<{head // 2}H", draft.data, start)) & 0xFFFF
    draft.promise(f"{name}.header-sum", total == 0, f"words add up to {total:#06x}")
    if uuid.UUID(bytes_le=draft.data[start + 16 : start + 32]) not in {FFS2, FFS3}:
        return
    (extended,) = draft.read("<H", start + 52)
    at = start + head
    if extended and start + extended + 20 <= stop:
        at = start + extended + draft.read("<I", start + extended + 16)[0]
    for _ in range(MAX_FILES):
        at = start + ((at - start + 7) & ~7)
        if at + 24 > stop or not draft.data[at : at + 24].strip(b"\xff"):
            break
        at = _file(draft, name, at, stop)
    else:
        raise draft.bad(f"more than {MAX_FILES} files in {name}", at)
    if at < stop:
        rest = draft.region(f"{name}/free", "padding", min(at, stop), stop)
        free = memoryview(draft.data)[rest.start : rest.stop]
        draft.promise(f"{name}.free", not bytes(free).strip(b"\xff"), f"free space of {len(free)} bytes")


def _file(draft: Parsed, volume: str, at: int, stop: int) -> int:
    guid = uuid.UUID(bytes_le=draft.data[at : at + 16])
    head_sum, body_sum, kind, attributes = draft.read("<BBBB", at + 16)
    size = int.from_bytes(draft.data[at + 20 : at + 23], "little")
    head = 24
    if attributes & 1:
        (size,) = draft.read("<Q", at + 24)
        head = 32
    if size < head or at + size > stop:
        raise draft.bad(f"file {guid} reaches past its volume", at)
    total = (sum(draft.data[at : at + head]) - body_sum - draft.data[at + 23]) & 0xFF
    body = memoryview(draft.data)[at + head : at + size]
    label = f"{volume}/{guid}"
    region = draft.region(label, "padding" if kind == PADDING_FILE else "code", at, at + size)
    if kind == PADDING_FILE:
        draft.promise(f"{label}.padding", not bytes(body).strip(b"\xff\0"), "a padding file holds nothing")
        return at + size
    draft.promise(f"{label}.header-sum", total == 0, f"bytes add up to {total:#04x} ({head_sum:#04x} carried)")
    if attributes & 0x40:
        whole = (sum(body) + body_sum) & 0xFF
        draft.promise(f"{label}.body-sum", whole == 0, f"bytes add up to {whole:#04x}")
    if kind not in {1, 2}:
        _sections(draft, region, at + head, at + size)
    return at + size


def _sections(draft: Parsed, region: Region, at: int, stop: int) -> None:
    for _ in range(MAX_SECTIONS):
        at = (at + 3) & ~3
        if at + 4 > stop:
            return
        size, kind, head = int.from_bytes(draft.data[at : at + 3], "little"), draft.data[at + 3], 4
        if size == 0xFFFFFF:
            (size,) = draft.read("<I", at + 4)
            head = 8
        if size < head or at + size > stop:
            raise draft.bad(f"a section of {region.name} reaches past its file", at)
        _section(draft, region, kind, at + head, at + size)
        at += size
    raise draft.bad(f"more than {MAX_SECTIONS} sections in {region.name}", at)


def _section(draft: Parsed, region: Region, kind: int, start: int, stop: int) -> None:
    body = draft.data[start:stop]
    if kind == UI:
        draft.fact("module", f"{region.name.rsplit('/', 1)[-1]} {body.decode('utf-16-le', 'replace').rstrip(chr(0))}")
    elif kind == VERSION:
        draft.fact("module-version", body[2:].decode("utf-16-le", "replace").rstrip("\0"))
    elif kind == GUIDED and len(body) >= 20:
        (offset,) = struct.unpack_from("<H", body, 16)
        if uuid.UUID(bytes_le=body[:16]) == LZMA and offset >= 24:
            _unpack(draft, region, body[offset - 4 :] if offset - 4 <= len(body) else b"")
    elif kind == VOLUME:
        inner = draft.unpack(region, body)
        parse_all(inner)
        draft.take(inner, fresh=False)


def _unpack(draft: Parsed, region: Region, packed: bytes) -> None:
    try:
        reader = lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=256 * 2**20)
        plain = reader.decompress(packed, max(0, min(MAX_SECTION, draft.spare[0])))
    except (lzma.LZMAError, EOFError):
        draft.promise(f"{region.name}.lzma", False, "the packed section does not unpack")
        return
    if draft.depth >= MAX_DEPTH - 1:
        raise draft.bad("sections are nested too deeply", region.start)
    inner = draft.unpack(region, plain)
    _sections(inner, region, 0, len(plain))
    draft.take(inner, fresh=True)


def parse_all(draft: Parsed) -> None:
    """Read every volume found in the bytes, and name what lies between them.

    Raises:
        BadInputError: As :func:`parse_volume`.
    """
    last = 0
    for index, (start, stop) in enumerate(find_volumes(draft.data)):
        if start > last:
            draft.region(f"gap{index}", "padding", last, start)
        parse_volume(draft, draft.region(f"fv{index}", "container", start, stop))
        last = stop
    if last and last < len(draft.data):
        draft.region("gap-end", "data", last, len(draft.data))


def _short(draft: Parsed, region: Region) -> str:
    return region.name.removeprefix(f"{draft.parent}/") if draft.parent else region.name
