"""The ledger's former kind, a hash-chained file of JSON lines: read once, verified, and carried over.

A line is canonical JSON of the entry, its index and ``previous``, then a space and the SHA-256 of that JSON. The entries
keep their places in the new ledger; after them comes one that names the file's digest. The file stays where it is.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from mumetal.core import LOCAL
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger.disk import sync_path
from mumetal.trust.ledger.log import MerkleLedger

FORMER = "ledger.jsonl"
ACTOR = "mumetal.ledger"
ACTION = "ledger.carry_over"
GENESIS = "0" * 64
SHAPE = re.compile(rb"(\{.*\}) ([0-9a-f]{64})\n")
MAX_LINE = 1 << 17
BATCH = 1_000


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON of one line."""

    index: int
    previous: str
    t_ns: str
    tenant: str
    actor: str
    action: str
    subject: str
    why: str
    outcome: str


def carry_over(former: Path, folder: Path, start: Callable[[Path], MerkleLedger], now_ns: int) -> int:
    """Make a Merkle ledger of a chained file's entries, whole or not at all; returns how many entries it had.

    Args:
        former: The chained file.
        folder: Where the ledger will be; nothing is there yet.
        start: Opens a new ledger in a folder.
        now_ns: Now, nanoseconds since 1970 UTC.

    Raises:
        RejectedError: A line was altered, removed or reordered; says which. Nothing was carried over.
        UnavailableError: The disk does not let it.
    """
    part = folder.with_name(folder.name + ".carrying")
    try:
        shutil.rmtree(part, ignore_errors=True)  # what a crash left
        ledger = start(part)
        try:
            count = _copy(former, ledger, now_ns)
        finally:
            ledger.close()
        part.rename(folder)
        sync_path(folder.parent)
    except OSError as error:
        raise UnavailableError(
            f"the former ledger cannot be carried over: {error.strerror}", where=str(former)
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def _copy(former: Path, ledger: MerkleLedger, now_ns: int) -> int:
    digest = hashlib.sha256()
    waiting: list[LedgerEntry] = []
    for raw, entry in _read(former):
        digest.update(raw)
        waiting.append(entry)
        if len(waiting) == BATCH:
            ledger.append_many(waiting)
            waiting = []
    if waiting:
        ledger.append_many(waiting)
    count = ledger.size
    ledger.append(
        LedgerEntry(
            tenant=LOCAL,
            t_ns=now_ns,
            actor=ACTOR,
            action=ACTION,
            subject=f"file:{former.name}",
            why=f"{count} entries of the chained file, sha256:{digest.hexdigest()}",
            outcome="done",
        )
    )
    return count


def _read(former: Path) -> Iterator[tuple[bytes, LedgerEntry]]:
    """Yield (line, entry) in order; an end that a crash cut short was never acknowledged and is left out."""
    previous, index = GENESIS, 0
    with former.open("rb") as file:
        while raw := file.readline(MAX_LINE):
            where = f"{former}:{index + 1}"
            shape = SHAPE.fullmatch(raw)
            if shape is None and not raw.endswith(b"\n") and len(raw) < MAX_LINE and not SHAPE.fullmatch(raw + b"\n"):
                return
            shape = shape or SHAPE.fullmatch(raw + b"\n")
            if shape is None or hashlib.sha256(shape[1]).hexdigest().encode() != shape[2]:
                raise RejectedError("an entry of the former ledger was altered", where=where)
            try:
                line = msgspec.json.decode(shape[1], type=_Line)
                t_ns = int(line.t_ns)
            except (msgspec.DecodeError, ValueError):
                raise RejectedError("not an entry of the former ledger", where=where) from None
            if line.index != index or line.previous != previous:
                raise RejectedError("an entry of the former ledger was removed, inserted or reordered", where=where)
            previous, index = shape[2].decode(), index + 1
            yield (
                raw,
                LedgerEntry(
                    tenant=line.tenant,
                    t_ns=t_ns,
                    actor=line.actor,
                    action=line.action,
                    subject=line.subject,
                    why=line.why,
                    outcome=line.outcome,
                ),
            )
