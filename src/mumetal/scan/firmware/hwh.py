"""Vivado's hardware hand-off (``.hwh``), and whether it belongs to a bitstream.

The file is XML. A document type, and with it every entity, is refused; size, depth and count are bounded.
"""

import re
from dataclasses import dataclass
from xml.parsers import expat

from mumetal.core.errors import BadInputError
from mumetal.core.firmware import Promise

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 64
MAX_ELEMENTS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """What the hand-off says: design, device, package, speed grade, board, date, and the modules in it."""

    design: str
    device: str
    package: str
    speed: str
    board: str
    stamp: str
    modules: tuple[tuple[str, str], ...]


class _Reader:
    """Collects two elements' attributes; everything else is counted and left."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.depth = self.elements = 0
        self.system: dict[str, str] = {}
        self.top: dict[str, str] = {}
        self.modules: list[tuple[str, str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH or self.elements > MAX_ELEMENTS:
            raise BadInputError("nested too deeply, or too many elements", where=self.where)
        if name == "SYSTEMINFO":
            self.system = attributes
        elif name == "EDKSYSTEM":
            self.top = attributes
        elif name == "MODULE" and len(self.modules) < 10_000:
            self.modules.append((attributes.get("FULLNAME", "")[:200], attributes.get("VLNV", "")[:200]))

    def end(self, _name: str) -> None:
        self.depth -= 1

    def refuse(self, *_: object) -> None:
        raise BadInputError("a hand-off has no document type", where=self.where, hint="somebody wrote it by hand")


def parse(data: bytes, where: str = "hand-off") -> Handoff:
    """Read a hand-off.

    Raises:
        BadInputError: Not XML, with a document type, too large, or without the two elements that name the device.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"a hand-off has at most {MAX_BYTES} bytes", where=where)
    reader = _Reader(where)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.ExternalEntityRefHandler = lambda *_: 0
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BadInputError(f"not a hand-off: {error}"[:200], where=where) from None
    if not reader.system or not reader.top:
        raise BadInputError("it names no device", where=where, hint="a .hwh file holds EDKSYSTEM and SYSTEMINFO")
    return Handoff(
        design=reader.system.get("NAME", "")[:200],
        device=reader.system.get("DEVICE", "")[:100],
        package=reader.system.get("PACKAGE", "")[:100],
        speed=reader.system.get("SPEEDGRADE", "")[:20],
        board=reader.system.get("BOARD", "")[:200],
        stamp=reader.top.get("TIMESTAMP", "")[:100],
        modules=tuple(sorted(reader.modules)),
    )


def compare(handoff: Handoff, facts: tuple[tuple[str, str], ...]) -> tuple[Promise, ...]:
    """Say whether a hand-off belongs to the bitstream whose header gave ``facts``."""
    said = dict(reversed(facts))
    part = f"{handoff.device}-{handoff.package}{handoff.speed}".lower()
    design = re.split(r"[;.]", said.get("design", ""))[0]
    return (
        Promise(
            name="hwh.part",
            held=said.get("part", "").lower().startswith(part),
            detail=f"hand-off {part}, bitstream {said.get('part', 'says nothing')}",
        ),
        Promise(
            name="hwh.design",
            held=bool(handoff.design) and design in {handoff.design, f"{handoff.design}_wrapper"},
            detail=f"hand-off {handoff.design}, bitstream {design or 'says nothing'}",
        ),
    )
