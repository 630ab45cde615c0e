"""A firmware image as its format describes it: regions, promises, facts, and what its bytes cannot tell."""

from dataclasses import dataclass

from mumetal.core import LOCAL, check
from mumetal.core.artefact import SHA256
from mumetal.core.errors import BadInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One part of an image: bytes ``start`` to ``stop`` of the file, or of the unpacked region ``parent``.

    ``name`` is a path, unique in the image: ``"fv0/DxeCore"``; ``kind`` is ``"code"``, ``"padding"``, ``"trailer"``, …
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
    """Whether a promise of the format, ``"fdri0.frame-ecc"``, is held; whoever rewrites the image can keep it."""

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
