"""What a parser hands over, and bounded reading of foreign bytes."""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from mumetal.core.errors import BadInputError
from mumetal.core.firmware import Promise, Region

MAX_IMAGE = 256 * 2**20
MAX_UNPACKED = 256 * 2**20
MAX_REGIONS = 20_000
MAX_FACTS = 20_000
MAX_DEPTH = 6
MAX_NAME = 200


@dataclass(slots=True, kw_only=True)
class Parsed:
    """A draft that a parser fills; regions and facts past the bounds are refused, not dropped.

    Args:
        format: Name of the format.
        data: The bytes that regions are counted in.
        parent: Name of the unpacked region those bytes are; empty for the file itself.
        where: URI of the image, for errors.
        depth: How many containers are around it.
        spare: Bytes that may still be unpacked, shared by all parts of an image.
    """

    format: str
    data: bytes
    parent: str = ""
    where: str = ""
    depth: int = 0
    spare: list[int] = field(default_factory=lambda: [MAX_UNPACKED])
    regions: list[Region] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def region(self, name: str, kind: str, start: int, stop: int) -> Region:
        """Note the bytes ``start`` to ``stop``; a name that is taken gets a number.

        Raises:
            BadInputError: The span leaves the image, or there are too many regions.
        """
        if not 0 <= start <= stop <= len(self.data):
            raise self.bad(f"{name} reaches past the end", start)
        if len(self.regions) >= MAX_REGIONS:
            raise self.bad(f"more than {MAX_REGIONS} regions", start)
        full = f"{self.parent}/{name}" if self.parent else name
        found = Region(
            name=self._free(full[:MAX_NAME]),
            kind=kind,
            start=start,
            stop=stop,
            sha256=hashlib.sha256(memoryview(self.data)[start:stop]).hexdigest(),
            parent=self.parent,
        )
        self.regions.append(found)
        return found

    def promise(self, name: str, held: bool, detail: str = "") -> None:
        """Note whether the bytes keep something the format promises."""
        full = f"{self.parent}/{name}" if self.parent else name
        if len(self.promises) < MAX_REGIONS:
            self.promises.append(Promise(name=full[:MAX_NAME], held=held, detail=detail[:300]))

    def fact(self, kind: str, text: str) -> None:
        """Note something read from the image.

        Raises:
            BadInputError: There are too many.
        """
        if len(self.facts) >= MAX_FACTS:
            raise self.bad(f"more than {MAX_FACTS} facts", 0)
        self.facts.append((kind, text[:500]))

    def unpack(self, region: Region, unpacked: bytes) -> "Parsed":
        """Return a draft for bytes that were unpacked from a region; :meth:`take` brings it back.

        Raises:
            BadInputError: Too deep, or too much was unpacked already.
        """
        self.spare[0] -= len(unpacked)
        if self.depth >= MAX_DEPTH or self.spare[0] < 0:
            raise self.bad(f"{region.name} unpacks to too much or lies too deep", region.start)
        return Parsed(
            format=self.format,
            data=unpacked,
            parent=region.name,
            where=self.where,
            depth=self.depth + 1,
            spare=self.spare,
        )

    def take(self, inner: "Parsed", *, fresh: bool) -> None:
        """Add what was found in a part; ``fresh`` when its bytes are not to be seen in this one (it was packed).

        Raises:
            BadInputError: Together there are too many regions or facts.
        """
        if len(self.regions) + len(inner.regions) > MAX_REGIONS or len(self.facts) + len(inner.facts) > MAX_FACTS:
            raise self.bad("too many regions or facts", 0)
        self.regions += inner.regions
        self.promises += inner.promises
        self.facts += inner.facts
        self.texts += [*inner.texts, *([inner.data] if fresh else [])]

    def _free(self, name: str) -> str:
        count = self.names.get(name, 0) + 1
        self.names[name] = count
        return name if count == 1 else f"{name}#{count}"

    def bad(self, message: str, at: int) -> BadInputError:
        """Return an error that says where in the image."""
        place = f"{self.where}#{self.parent}@{at}" if self.parent else f"{self.where}@{at}"
        return BadInputError(message, where=place, hint="the image is cut short, damaged or of another format")

    def read(self, shape: str, at: int) -> tuple[int, ...]:
        """Unpack numbers at ``at``.

        Raises:
            BadInputError: They would reach past the end.
        """
        return read(self.data, shape, at, self.bad)


Parser = Callable[[Parsed], None]


def read(data: bytes, shape: str, at: int, bad: Callable[[str, int], BadInputError]) -> tuple[int, ...]:
    """Unpack numbers at ``at``.

    Raises:
        BadInputError: They would reach past the end.
    """
    try:
        if not 0 <= at <= len(data):
            raise bad("an offset outside the image", at)
        return struct.unpack_from(shape, data, at)
    except struct.error:
        raise bad("ends in the middle of a header", at) from None


def text(raw: bytes, limit: int = MAX_NAME) -> str:
    """Decode a name up to its first zero byte; bytes that are no printable ASCII show as their number."""
    plain = raw.split(b"\0", 1)[0][:limit]
    return "".join(chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in plain)
