"""A firmware image as its format describes it: regions, promises, facts, and what its bytes cannot tell."""

from dataclasses import dataclass

from mumetal.core import check
from mumetal.core.artefact import SHA256
from mumetal.core.errors import BadInputError
from mumetal.core.series import LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One part of an image.

    Args:
        name: Path inside the image, such as ``"fv0/lzma/DxeCore"``; unique in it.
        kind: ``"header"``, ``"code"``, ``"data"``, ``"padding"``, ``"container"``, ``"trailer"``, …
        start: First byte, counted in ``parent``.
        stop: Just past the last byte.
        sha256: Over its bytes, 64 hex digits.
        parent: The unpacked region it lies in; empty when it lies in the file itself.
    """

    name: str
    kind: str
    start: int
    stop: int
    sha256: str
    parent: str = ""

    def __post_init__(self) -> None:
        check.text(self.name, "region name", 300)
        if not 0 <= self.start <= self.stop or not SHA256.fullmatch(self.sha256):
            raise BadInputError(f"region {self.name[:80]!r} is not a span with a digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Something the format promises of its own bytes; anybody who rewrites the image can keep it.

    Args:
        name: ``"crc"``, ``"checksum"``, ``"length"``, with the region before it: ``"fdri0.crc"``.
        held: Whether the bytes keep it.
        detail: What was computed and what was found.
    """

    name: str
    held: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareImage:
    """What was read from an image; ``facts`` are (kind, text) pairs such as ``("version", "2023.01")``."""

    tenant: str = LOCAL
    uri: str
    format: str
    size: int
    sha256: str
    sha384: str
    board: str = ""
    version: str = ""
    regions: tuple[Region, ...]
    promises: tuple[Promise, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    unknowable: tuple[str, ...] = ()
