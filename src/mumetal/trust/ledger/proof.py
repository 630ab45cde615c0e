"""A proof that one entry is in the ledger, as a file for somebody who has nothing but the log's public key."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.formats import canonical
from mumetal.trust.keys.hybrid import HybridPublicKey
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import merkle, record
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.note import Note

MAX_PROOF = 512 * 1024


class _Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["mumetal-proof/1"]
    index: Annotated[int, Meta(ge=0, lt=2**53)]
    entry: Annotated[str, Meta(max_length=100_000)]
    path: Annotated[tuple[str, ...], Meta(max_length=merkle.MAX_PROOF)]
    checkpoint: Annotated[str, Meta(max_length=notes.MAX_NOTE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An entry, its audit path, and the checkpoint that it leads to.

    Args:
        index: Of the entry.
        entry: Its bytes.
        path: Hashes from the leaf upwards.
        note: The signed checkpoint.
    """

    index: int
    entry: bytes
    path: Sequence[bytes]
    note: Note

    def verify(self, origin: str, public: HybridPublicKey) -> None:
        """Return nothing when the log has signed a tree with this entry.

        Steps: (1) to (3) the checkpoint is the log's; (4) the path leads from the entry to its root.

        Raises:
            RejectedError: It has not.
        """
        checkpoints.verify(self.note, origin, public)
        signed = checkpoints.of_note(self.note)
        merkle.verify_inclusion(merkle.leaf(self.entry), self.index, signed.size, self.path, signed.root)

    def read(self) -> LedgerEntry:
        """Return the entry; believe it after :meth:`verify`."""
        return record.decode(self.entry, self.index)


def prove(ledger: LedgerFolder, index: int) -> Proof:
    """Make the proof of an entry from a ledger's folder, while another process may be writing it.

    Raises:
        UnavailableError: No checkpoint covers the entry yet.
        RejectedError: Tiles or entries are missing or damaged.
    """
    note = ledger.note()
    size = 0 if note is None else checkpoints.of_note(note).size
    if note is None or not 0 <= index < size:
        raise UnavailableError(
            f"the newest checkpoint covers {size} entries", where=f"ledger:{index}", hint="try again after the next"
        )
    found = list(ledger.entries(index, index + 1))
    if not found:
        raise UnavailableError("the entry is not there", where=f"ledger:{index}")
    return Proof(index=index, entry=found[0][1], path=ledger.tree(size).inclusion(index), note=note)


def encode(proof: Proof) -> bytes:
    """Return the proof's file."""
    return canonical.encode(
        {
            "format": "mumetal-proof/1",
            "index": proof.index,
            "entry": base64.b64encode(proof.entry).decode(),
            "path": [base64.b64encode(p).decode() for p in proof.path],
            "checkpoint": notes.encode(proof.note).decode(),
        }
    ) + b"\n"  # fmt: skip


def decode(data: bytes, where: str = "proof") -> Proof:
    """Read a proof's file.

    Raises:
        BadInputError: It is none.
    """
    try:
        raw = msgspec.convert(canonical.decode_json(data, MAX_PROOF, 3, where), _Proof)
        entry = base64.b64decode(raw.entry, validate=True)
        path = [base64.b64decode(p, validate=True) for p in raw.path]
        note = notes.decode(raw.checkpoint.encode(), where)
    except (msgspec.ValidationError, binascii.Error, ValueError) as error:
        raise BadInputError(f"not a proof: {error}"[:500], where=where) from None
    checkpoints.of_note(note, where)
    return Proof(index=raw.index, entry=entry, path=path, note=note)
