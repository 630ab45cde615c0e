"""Small images of every format, built from the specifications, for the tests of firmware."""

import hashlib
import struct
import uuid
import zlib
from functools import cache

import numpy as np

from mumetal.scan.firmware import xilinx, xilinx_crc

GUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


def type1(address: int, *words: int) -> list[int]:
    """One write packet."""
    return [0x30000000 | address << 13 | len(words), *words]


def configuration(frames: np.ndarray, idcode: int = 0x03722093, *, crc: int | None = None) -> bytes:
    """A configuration that writes ``frames`` (n, 101) and checks its CRC, as step-by-step register writes."""
    writes = [(xilinx.IDCODE, [idcode]), (xilinx.FAR, [0]), (xilinx.CMD, [1])]
    words = [0xFFFFFFFF] * 8 + [0x000000BB, 0x11220044, 0xFFFFFFFF, 0xFFFFFFFF, 0xAA995566, 0x20000000]
    words += type1(xilinx.CMD, xilinx.RCRC)
    value = 0
    for address, values in writes:
        words += type1(address, *values)
        for word in values:
            value = xilinx_crc.step(value, word, address)
    flat = [int(w) for w in frames.ravel()]
    words += [0x30004000, 0x50000000 | len(flat), *flat]
    for word in flat:
        value = xilinx_crc.step(value, word, xilinx.FDRI)
    words += type1(xilinx.CRC, value if crc is None else crc)
    words += [*type1(xilinx.CMD, xilinx.DESYNC), *([0x20000000] * 4)]
    return b"".join(w.to_bytes(4, "big") for w in words)


def frames(count: int = 4, seed: int = 1) -> np.ndarray:
    """Random 7-series frames, each with the ECC that belongs to it."""
    found = np.random.default_rng(seed).integers(0, 2**32, (count, 101), dtype=np.uint64).astype(np.uint32)
    found[:, 50] &= np.uint32(0xFFFFE000)
    for frame in found:
        frame[50] |= np.uint32(slow_ecc([int(w) for w in frame]))
    return found


def slow_ecc(frame: list[int]) -> int:
    """The ECC of a frame, bit by bit (Project X-Ray's account of it); the slow twin of the folded one."""
    ecc = 0
    for index, word in enumerate(frame):
        base = index * 32 + (0x1360 if index > 0x25 else 0x1340 if index > 0x6 else 0x1320)
        kept = word & 0xFFFFE000 if index == 50 else word
        for bit in range(32):
            if kept >> bit & 1:
                ecc ^= base + bit
    return ecc ^ (ecc & 0xFFF).bit_count() % 2 << 12


def bit(body: bytes, part: str = "7z010clg400", design: str = "top;UserID=0XFFFFFFFF") -> bytes:
    """A ``.bit`` file around a configuration."""
    found = xilinx.MAGIC
    for tag, value in ((b"a", design), (b"b", part), (b"c", "2026/11/22"), (b"d", "18:00:00")):
        raw = value.encode() + b"\0"
        found += tag + struct.pack(">H", len(raw)) + raw
    return found + b"e" + struct.pack(">I", len(body)) + body


def elf(code: bytes = b"\x13" * 64, extra: bytes = b"") -> bytes:
    """A 64-bit little-endian RISC-V ELF with one executable segment."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 2, 243, 1, 0x80000000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, 0x80000000, 0x80000000, len(code), len(code), 4)
    return ident + head + segment + code + extra


def fdt(nodes: "dict[str, object]") -> bytes:
    """A device tree from nested dictionaries; bytes are property values."""
    names = b""
    body = b""

    def node(label: str, content: "dict[str, object]") -> None:
        nonlocal names, body
        body += struct.pack(">I", 1) + label.encode() + bytes(4 - len(label) % 4)
        for key, value in content.items():
            if isinstance(value, bytes):
                body += struct.pack(">III", 3, len(value), len(names)) + value + bytes(-len(value) % 4)
                names += key.encode() + b"\0"
        for key, value in content.items():
            if isinstance(value, dict):
                node(key, value)
        body += struct.pack(">I", 2)

    node("", nodes)
    body += struct.pack(">I", 9)
    total = 56 + len(body) + len(names)
    head = struct.pack(">10I", 0xD00DFEED, total, 56, 56 + len(body), 40, 17, 16, 0, len(names), len(body))
    return head + bytes(16) + body + names


def fit(kernel: bytes) -> bytes:
    """A FIT with one image and its SHA-256."""
    digest = hashlib.sha256(kernel).digest()
    image = {"data": kernel, "load": b"\0\0\0\1", "hash-1": {"algo": b"sha256\0", "value": digest}}
    return fdt({"description": b"test\0", "images": {"kernel": image}})


def legacy(body: bytes) -> bytes:
    """A legacy U-Boot image."""
    rest = struct.pack(">IIIII4B32s", 1, len(body), 0x8000, 0x8000, zlib.crc32(body), 5, 2, 2, 0, b"Linux")
    crc = zlib.crc32(bytes.fromhex("27051956") + bytes(4) + rest)
    return bytes.fromhex("27051956") + crc.to_bytes(4, "big") + rest + body


def option_rom(body: bytes = b"code") -> bytes:
    """A legacy option ROM of two blocks whose bytes add up to zero."""
    rom = bytearray(1024)
    rom[:3] = b"\x55\xaa\x02"
    rom[24:26] = (0x40).to_bytes(2, "little")
    rom[0x40:0x56] = struct.pack("<4sHHHHB3sHHBB", b"PCIR", 0x8086, 0x100E, 0, 24, 3, b"\0\0\2", 2, 1, 0, 0x80)
    rom[0x80 : 0x80 + len(body)] = body
    rom[-1] = -sum(rom) & 0xFF
    return bytes(rom)


def volume(body: bytes = b"\x90" * 40) -> bytes:
    """A UEFI volume with one raw file and free space."""
    size = 24 + len(body)
    head = bytearray(GUID.bytes_le + b"\0\0\x01\x00" + size.to_bytes(3, "little") + b"\0")
    head[16] = -sum(head) & 0xFF
    head[17] = 0xAA
    head[23] = 0xF8
    file = bytes(head) + body
    guid = uuid.UUID("8c8ce578-8a3d-4f1c-9935-896185c32dd3").bytes_le
    total = 4096
    start = bytearray(bytes(16) + guid + struct.pack("<Q4sIHHHBBII", total, b"_FVH", 0, 72, 0, 0, 0, 2, 1, total))
    start += bytes(72 - len(start))
    start[50:52] = (-sum(struct.unpack("<36H", start)) & 0xFFFF).to_bytes(2, "little")
    return (bytes(start) + file).ljust(total, b"\xff")


@cache
def every() -> dict[str, bytes]:
    """One sound image of each format."""
    return {
        "xilinx-bit": bit(configuration(frames())),
        "xilinx-bin": configuration(frames()),
        "elf": elf(),
        "uboot-fit": fit(b"kernel" * 20),
        "fdt": fdt({"model": b"board\0", "chosen": {"bootargs": b"console=ttyS0\0"}}),
        "uboot-legacy": legacy(b"body" * 30),
        "option-rom": option_rom(),
        "uefi": volume(),
        "raw": b"U-Boot 2023.01 \0" + b"\x17\x92" * 3000 + bytes(8192),
    }
