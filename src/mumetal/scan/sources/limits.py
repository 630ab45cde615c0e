"""Bounds that every blob source keeps, and how a source reports what it leaves out."""

from collections.abc import Callable
from dataclasses import dataclass

from mumetal.core.delivery import Quarantined

Report = Callable[[Quarantined], None]


def silent(_left_out: Quarantined) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is read.

    Args:
        chunk: Most bytes in one artefact; larger files come in pieces, cut at a line's end where there is one.
        file_bytes: Files larger than this are left out and reported, bytes.
        files: Most files of one source.
        depth: Most nested folders, and archives within archives add one each.
        members: Most members of one archive.
        unpacked: Most bytes unpacked from one archive, with everything inside it.
        ratio: Unpacked bytes for one packed byte beyond which an archive is a bomb.
    """

    chunk: int = 32 << 20
    file_bytes: int = 4 << 30
    files: int = 5_000_000
    depth: int = 64
    members: int = 20_000
    unpacked: int = 1 << 30
    ratio: int = 200
