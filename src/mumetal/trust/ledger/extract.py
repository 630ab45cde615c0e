"""Entries of a ledger as JSON lines that can be read by any program and proved by whoever has the log's public key.

::

    {"checkpoint": "…", "format": "mumetal-audit/1", "origin": "…"}      the signed checkpoint that all paths lead to
    {"entry": {…}, "index": 7, "path": ["…"]}                            one entry and its audit path, as often as needed
    {"complete": true, "count": 1, "format": "mumetal-audit-end/1"}      what was cut off would lack it

A leaf's bytes are the entry in canonical JSON, so nothing has to be said twice. That an extract holds *every* entry that
was asked for is not proved by it: for that, take the whole ledger (`mumetal audit export`).
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.keys.hybrid import HybridPublicKey
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import merkle, record
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.note import Note

FORMAT: Final = "mumetal-audit/1"
END: Final = "mumetal-audit-end/1"
MAX_LINE = 1 << 18
T = TypeVar("T")


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    checkpoint: Annotated[str, Meta(max_length=notes.MAX_NOTE)]
    format: Literal["mumetal-audit/1"]
    origin: Annotated[str, Meta(max_length=500)]


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    entry: msgspec.Raw
    index: Annotated[int, Meta(ge=0, lt=2**53)]
    path: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=merkle.MAX_PROOF)]


class _End(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    complete: bool
    count: Annotated[int, Meta(ge=0, lt=2**53)]
    format: Literal["mumetal-audit-end/1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What an extract proves.

    Args:
        count: Entries in it, each in the signed tree.
        size: Entries of that tree.
        complete: Whether the one who made it says that it holds all that was asked for.
    """

    count: int
    size: int
    complete: bool


def head(origin: str, note: Note) -> bytes:
    """Return the first line."""
    said = _Head(checkpoint=notes.encode(note).decode(), format=FORMAT, origin=origin)
    return msgspec.json.encode(said) + b"\n"


def line(index: int, entry: LedgerEntry, path: Sequence[bytes]) -> bytes:
    """Return an entry's line."""
    said = _Line(
        entry=msgspec.Raw(record.encode(entry)), index=index, path=tuple(base64.b64encode(p).decode() for p in path)
    )
    return msgspec.json.encode(said) + b"\n"


def end(count: int, *, complete: bool) -> bytes:
    """Return the last line."""
    return msgspec.json.encode(_End(complete=complete, count=count, format=END)) + b"\n"


def is_extract(data: bytes) -> bool:
    """Say whether bytes begin like an extract."""
    try:
        return msgspec.json.decode(data.partition(b"\n")[0], type=_Head).format == FORMAT
    except msgspec.MsgspecError:
        return False


def verify(lines: Iterable[bytes], *, origin: str, public: HybridPublicKey, where: str = "extract") -> Checked:
    """Return what an extract proves.

    Steps: (1) to (3) the checkpoint is the log's; (4) every entry's path leads to its root; (5) the last line counts
    them.

    Raises:
        RejectedError: A step failed; says at which line.
        BadInputError: It is no extract.
    """
    rows = iter(lines)
    first = _read(next(rows, b""), _Head, where, 1)
    note = notes.decode(first.checkpoint.encode(), where)
    if first.origin != origin:
        raise RejectedError(f"step 1: it is of the log {first.origin[:100]!r}, not {origin!r}", where=where)
    checkpoints.verify(note, origin, public)
    signed = checkpoints.of_note(note)
    count, last = 0, None
    for number, (index, entry, path) in enumerate(_entries(rows, where), 2):
        if isinstance(entry, _End):
            last = entry
            break
        try:
            merkle.verify_inclusion(merkle.leaf(record.encode(entry)), index, signed.size, path, signed.root)
        except (RejectedError, BadInputError) as error:
            raise RejectedError(f"step 4: {error.message}", where=f"{where}:{number}") from None
        count += 1
    if last is None or last.count != count or next(rows, b""):
        raise RejectedError("step 5: lines are missing or follow the last one", where=where)
    return Checked(count=count, size=signed.size, complete=last.complete)


def _entries(rows: Iterator[bytes], where: str) -> Iterator[tuple[int, LedgerEntry | _End, list[bytes]]]:
    for number, row in enumerate(rows, 2):
        if row.startswith(b'{"complete"'):
            yield 0, _read(row, _End, where, number), []
            return
        found = _read(row, _Line, where, number)
        try:
            path = [base64.b64decode(p, validate=True) for p in found.path]
        except binascii.Error:
            raise BadInputError("a path is not base64", where=f"{where}:{number}") from None
        try:
            entry = record.read(bytes(found.entry))
        except (ValueError, BadInputError) as error:
            raise BadInputError(f"not an entry of a ledger: {error}"[:300], where=f"{where}:{number}") from None
        yield found.index, entry, path


def _read(row: bytes, kind: type[T], where: str, number: int) -> T:
    if len(row) > MAX_LINE:
        raise BadInputError(f"a line has more than {MAX_LINE} bytes", where=f"{where}:{number}")
    try:
        return msgspec.json.decode(row, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"not an extract of a ledger: {error}"[:300], where=f"{where}:{number}") from None
