"""Flattened device trees (Devicetree Specification 0.4, chapter 5): header, structure, properties."""

from collections.abc import Iterator
from dataclasses import dataclass

from mumetal.scan.firmware.parsed import Parsed, text

MAGIC = bytes.fromhex("d00dfeed")
BEGIN, END, PROPERTY, NOP, FINISH = 1, 2, 3, 4, 9
MAX_TOKENS = 200_000
MAX_NODES_DEEP = 32
TOLD = {"compatible", "model", "bootargs", "stdout-path", "status"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property: the node's path, its name, and where its value lies in the file."""

    path: str
    name: str
    start: int
    stop: int


def is_fdt(data: bytes, at: int = 0) -> bool:
    """Say whether a plausible device tree starts at ``at``."""
    if data[at : at + 4] != MAGIC or len(data) - at < 40:
        return False
    total, structure, strings = (int.from_bytes(data[at + i : at + i + 4], "big") for i in (4, 8, 12))
    version = int.from_bytes(data[at + 20 : at + 24], "big")
    return 40 <= total <= len(data) - at and 40 <= structure < total and 40 <= strings <= total and version in {16, 17}


def parse(draft: Parsed) -> None:
    """Read a device tree: its properties become regions, boot arguments and names become facts.

    Raises:
        BadInputError: A block or a token reaches past the end, or the nesting does not add up.
    """
    (total,) = draft.read(">I", 4)
    draft.promise("length", total == len(draft.data), f"header says {total}, there are {len(draft.data)}")
    for found in properties(draft):
        draft.region(f"{found.path}/{found.name}".lstrip("/"), "property", found.start, found.stop)
        if found.name in TOLD or found.name.startswith("bootarg"):
            value = " ".join(text(p) for p in draft.data[found.start : found.stop].split(b"\0") if p)
            draft.fact("boot-argument" if found.name.startswith("bootarg") else f"fdt-{found.name}", value)
        if found.path.endswith("/signature") or found.name in {"rsa,modulus", "ecdsa,x-point"}:
            draft.fact("public-key", f"fdt {found.path} {found.name} {found.stop - found.start} bytes")


def properties(draft: Parsed) -> Iterator[Property]:
    """Yield every property in order.

    Raises:
        BadInputError: As :func:`parse`.
    """
    _, total, at, strings = draft.read(">IIII", 0)
    total = min(total, len(draft.data))
    path: list[str] = []
    for _ in range(MAX_TOKENS):
        (token,) = draft.read(">I", at)
        at += 4
        if token == BEGIN:
            stop = draft.data.find(b"\0", at, min(at + 256, total))
            if stop < 0 or len(path) >= MAX_NODES_DEEP:
                raise draft.bad("a node's name does not end, or nodes are nested too deeply", at)
            path.append(text(draft.data[at:stop]))
            at = (stop + 4) & ~3
        elif token == END:
            if not path:
                raise draft.bad("a node ends that never began", at)
            path.pop()
        elif token == PROPERTY:
            length, name = draft.read(">II", at)
            at += 8
            if at + length > total:
                raise draft.bad("a property reaches past the end", at)
            label = text(draft.data[strings + name : strings + name + 64])
            yield Property(path="/".join(path), name=label, start=at, stop=at + length)
            at = (at + length + 3) & ~3
        elif token == FINISH:
            if path:
                raise draft.bad("the tree ends inside a node", at)
            return
        elif token != NOP:
            raise draft.bad(f"{token} is no token", at)
    raise draft.bad(f"more than {MAX_TOKENS} tokens", at)
