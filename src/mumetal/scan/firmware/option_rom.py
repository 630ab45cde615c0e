"""PCI option ROMs (PCI Firmware Specification 3.3, chapter 5): a chain of images, each a multiple of 512 bytes long.

A legacy image's bytes add up to 0 modulo 256. That is a sum anybody can mend with one byte.
"""

from mumetal.scan.firmware.parsed import Parsed

MAGIC = b"\x55\xaa"
BLOCK = 512
MAX_IMAGES = 64
KINDS = {0: "x86", 1: "open-firmware", 3: "efi"}


def is_rom(data: bytes) -> bool:
    """Say whether the bytes start like an option ROM (a legacy one, or one with a PCI data structure)."""
    if not data.startswith(MAGIC) or len(data) < 32 or data[2] == 0:
        return False
    pointer = int.from_bytes(data[24:26], "little")
    return data[pointer : pointer + 4] == b"PCIR" or data[2] * BLOCK <= len(data)


def parse(draft: Parsed) -> None:
    """Walk the chain of images.

    Raises:
        BadInputError: An image reaches past the end.
    """
    at = 0
    for index in range(MAX_IMAGES):
        if draft.data[at : at + 2] != MAGIC:
            raise draft.bad("an image of the chain does not start with 55 aa", at)
        length, last = _image(draft, index, at)
        at += length
        if last:
            break
    rest = draft.data[at:]
    draft.promise("end", not rest.strip(b"\0\xff"), f"{len(rest)} bytes follow the last image")
    if rest:
        draft.region("after-end", "trailer", at, len(draft.data))


def _image(draft: Parsed, index: int, at: int) -> tuple[int, bool]:
    (blocks,) = draft.read("<B", at + 2)
    (pointer,) = draft.read("<H", at + 24)
    kind, last = 0, True
    if draft.data[at + pointer : at + pointer + 4] == b"PCIR":
        vendor, device = draft.read("<HH", at + pointer + 4)
        (whole,) = draft.read("<H", at + pointer + 16)
        kind, mark = draft.read("<BB", at + pointer + 20)
        last = bool(mark & 0x80)
        blocks = whole or blocks
        draft.fact("pci-id", f"{vendor:04x}:{device:04x}")
    length = blocks * BLOCK
    if length == 0 or at + length > len(draft.data):
        raise draft.bad(f"image {index} reaches past the end", at)
    label = f"image{index}-{KINDS.get(kind, str(kind))}"
    draft.region(label, "code", at, at + length)
    if kind == 0:
        initial = draft.data[at + 2] * BLOCK or length
        total = sum(memoryview(draft.data)[at : at + min(initial, length)]) & 0xFF
        draft.promise(f"{label}.checksum", total == 0, f"bytes add up to {total:#04x}")
    return length, last
