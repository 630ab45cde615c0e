"""Takes zip, tar and gzip files apart, in memory, within bounds; bombs are reported and what came before them kept."""

import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.scan.sources.limits import Limits, Report

_STEP = 1 << 20


@dataclass(slots=True)
class Budget:
    """What may still be unpacked from one file, shared by the archives inside it.

    Args:
        left: Bytes.
        members: Members.
    """

    left: int
    members: int


class _TooMuchError(Exception):
    """The archive unpacks to more than it may."""


def kind_of(data: bytes) -> str:
    """Return ``"zip"``, ``"gzip"``, ``"bzip2"``, ``"xz"``, ``"tar"`` or nothing, from the first bytes."""
    if data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return "zip"
    if data[:2] == b"\x1f\x8b":
        return "gzip"
    if data[257:262] == b"ustar":
        return "tar"
    return ""


def _bounded(read: IO[bytes], packed: int, limits: Limits, budget: Budget) -> bytes:
    out = bytearray()
    allowed = min(limits.chunk, max(packed, 1) * limits.ratio + _STEP)
    while piece := read.read(_STEP):
        out += piece
        budget.left -= len(piece)
        if budget.left < 0 or len(out) > allowed:
            raise _TooMuchError
    return bytes(out)


def _zip(artefact: Artefact, limits: Limits, budget: Budget, report: Report) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(artefact.data)) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            budget.members -= 1
            if budget.members < 0:
                raise _TooMuchError
            if member.flag_bits & 1:
                report(Quarantined.of(f"{artefact.uri}!{member.filename}"[:4_000], "encrypted, not read"))
                continue
            with archive.open(member) as stream:
                yield member.filename, _bounded(stream, member.compress_size, limits, budget)


def _tar(artefact: Artefact, limits: Limits, budget: Budget) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(artefact.data), mode="r:") as archive:
        for member in archive:
            budget.members -= 1
            if budget.members < 0:
                raise _TooMuchError
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                with stream:
                    yield member.name, _bounded(stream, member.size, limits, budget)


def _gzip(artefact: Artefact, limits: Limits, budget: Budget) -> Iterator[tuple[str, bytes]]:
    unpack = zlib.decompressobj(wbits=31)
    out = bytearray()
    allowed = min(limits.chunk * 4, max(len(artefact.data), 1) * limits.ratio + _STEP)
    rest = artefact.data
    while rest and not unpack.eof:
        piece = unpack.decompress(rest, _STEP)
        rest = unpack.unconsumed_tail
        out += piece
        budget.left -= len(piece)
        if budget.left < 0 or len(out) > allowed:
            raise _TooMuchError
        if not piece and not rest:
            break
    name = re.split(r"[/!]", artefact.uri)[-1].removesuffix(".gz")
    yield name[:-3] + "tar" if name.endswith("tgz") else name, bytes(out)
    if not unpack.eof:
        raise EOFError("it ends too early")


def members(artefact: Artefact, limits: Limits, budget: Budget, report: Report) -> Iterator[Artefact]:
    """Yield an archive's members as ``URI!NAME``; a damaged or oversized rest is reported.

    Args:
        artefact: The archive.
        limits: Bounds of one member.
        budget: What may be unpacked in all; shared with archives inside this one.
        report: Told what is left out, and why.
    """
    kind = kind_of(artefact.data)
    each = (
        _zip(artefact, limits, budget, report)
        if kind == "zip"
        else (_tar if kind == "tar" else _gzip)(artefact, limits, budget)
    )
    try:
        for name, data in each:
            said = "".join(c if c.isprintable() else "?" for c in name)
            yield Artefact(
                tenant=artefact.tenant,
                uri=f"{artefact.uri}!{said}"[:4_000],
                kind="file",
                data=data,
                facts=(*artefact.facts, ("archive", kind)),
            )
    except _TooMuchError:
        report(Quarantined.of(artefact.uri, "unpacks to more than it may: the rest was not read"))
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, EOFError, ValueError, NotImplementedError,
            RuntimeError, OverflowError, IndexError) as error:  # fmt: skip
        report(Quarantined.of(artefact.uri, f"a damaged {kind} file: {str(error)[:200]}"))
