"""Checkpoints (C2SP tlog-checkpoint): how many entries there are and the root over them, signed; and cosignatures.

The log signs the note's text with Ed25519 (type 0x01) and with ML-DSA-87. A witness signs ``cosignature/v1``, the time
and the text (C2SP tlog-cosignature, type 0x04), likewise with both. The format assigns no type to ML-DSA-87: ours is
``0xff`` and a name, which other implementations pass over; they check the Ed25519 lines.
"""

import base64
import binascii
import re
import struct
from dataclasses import dataclass, replace

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.keys.hybrid import (
    ED25519_SIGNATURE,
    HybridPublicKey,
    HybridSignature,
    Signer,
    verify_ed25519,
    verify_ml_dsa,
)
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.merkle import HASH
from mumetal.trust.ledger.note import Note, NoteSignature
from mumetal.trust.ledger.rotation import LogKeys

NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
LATEST_S = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of a log.

    Args:
        origin: The log's name.
        size: Entries.
        root: Root of the tree, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        notes.check_name(self.origin)
        if not 0 <= self.size < 10**18 or len(self.root) != HASH:
            raise BadInputError("a checkpoint has a size and a root of 32 bytes", where=self.origin)

    @property
    def text(self) -> str:
        """The text of its note."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def of_note(note: Note, where: str = "checkpoint") -> Checkpoint:
    """Read the checkpoint in a note, signed or not.

    Raises:
        BadInputError: The text is no checkpoint.
    """
    lines = note.text.split("\n")
    if len(lines) < 4 or not NUMBER.fullmatch(lines[1]):
        raise BadInputError("a checkpoint has an origin, a size and a root", where=where)
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError):
        raise BadInputError("the root is not base64", where=where) from None
    found = Checkpoint(origin=lines[0], size=int(lines[1]), root=root)
    if not note.text.startswith(found.text):
        raise BadInputError("the root is not the one base64 spelling of its bytes", where=where)
    return found


def sign(checkpoint: Checkpoint, signer: Signer) -> Note:
    """Return the checkpoint signed by its log, whose key has the origin's name.

    Raises:
        UnavailableError: The key cannot be reached.
    """
    note = Note(text=checkpoint.text)
    return _with(note, checkpoint.origin, signer.public, signer.sign(note.signed), b"", cosignature=False)


def verify(note: Note, origin: str, public: HybridPublicKey | LogKeys) -> None:
    """Return nothing when the note is a checkpoint of that log.

    Steps: (1) its origin is the log's; (2) the Ed25519 line holds; (3) the ML-DSA-87 line holds. Of several keys, one
    that may sign a checkpoint of that size has to hold.

    Raises:
        RejectedError: A step failed.
    """
    try:
        found = of_note(note)
    except BadInputError as error:
        raise RejectedError(f"step 1: {error.message}", where=origin) from None
    if found.origin != origin:
        raise RejectedError(f"step 1: it is a checkpoint of {found.origin[:80]!r}", where=origin)
    may = public.may_sign(found.size) if isinstance(public, LogKeys) else [public]
    for at, key in enumerate(may, 1):
        try:
            _signed(note, origin, key)
        except RejectedError:
            if at == len(may):
                raise
        else:
            return


def _signed(note: Note, origin: str, public: HybridPublicKey) -> None:
    ed25519 = note.by(origin, notes.key_id(origin, notes.ED25519, public.ed25519))
    verify_ed25519(public.ed25519, note.signed, ed25519.sig, where=f"{origin} step 2")
    ml_dsa = note.by(origin, notes.key_id(origin, notes.ML_DSA_87, public.ml_dsa_87))
    verify_ml_dsa(public.ml_dsa_87, note.signed, ml_dsa.sig, where=f"{origin} step 3")


def cosign(note: Note, name: str, signer: Signer, time_s: int) -> Note:
    """Return the note with a witness's cosignature.

    Args:
        note: A checkpoint that the witness has verified.
        name: The witness's name.
        signer: Its key.
        time_s: When, seconds since 1970.

    Raises:
        UnavailableError: The key cannot be reached.
    """
    made = signer.sign(_cosigned(note, time_s))
    return _with(note, notes.check_name(name), signer.public, made, struct.pack(">Q", time_s), cosignature=True)


def verify_cosignature(note: Note, name: str, public: HybridPublicKey) -> None:
    """Return nothing when the witness has cosigned the note with both schemes, at one time.

    Raises:
        RejectedError: It has not.
    """
    ed25519 = note.by(name, notes.key_id(name, notes.COSIGNATURE, public.ed25519)).sig
    ml_dsa = note.by(name, notes.key_id(name, notes.ML_DSA_87_COSIGNATURE, public.ml_dsa_87)).sig
    if len(ed25519) != 8 + ED25519_SIGNATURE or ed25519[:8] != ml_dsa[:8]:
        raise RejectedError("the cosignature's halves do not belong together", where=name)
    message = _cosigned(note, min(int.from_bytes(ed25519[:8]), LATEST_S))
    verify_ed25519(public.ed25519, message, ed25519[8:], where=name)
    verify_ml_dsa(public.ml_dsa_87, message, ml_dsa[8:], where=name)


def cosigned_at(note: Note, name: str, public: HybridPublicKey) -> int:
    """Return when a witness cosigned, seconds since 1970.

    Raises:
        RejectedError: It has not.
    """
    verify_cosignature(note, name, public)
    sig = note.by(name, notes.key_id(name, notes.COSIGNATURE, public.ed25519)).sig
    return int.from_bytes(sig[:8])


def _cosigned(note: Note, time_s: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time_s + note.signed


def _with(
    note: Note, name: str, public: HybridPublicKey, made: HybridSignature, prefix: bytes, *, cosignature: bool
) -> Note:
    kinds = (notes.COSIGNATURE, notes.ML_DSA_87_COSIGNATURE) if cosignature else (notes.ED25519, notes.ML_DSA_87)
    first = NoteSignature(name=name, key_id=notes.key_id(name, kinds[0], public.ed25519), sig=prefix + made.ed25519)
    second = NoteSignature(
        name=name, key_id=notes.key_id(name, kinds[1], public.ml_dsa_87), sig=prefix + made.ml_dsa_87
    )
    return replace(note, signatures=(*note.signatures, first, second))
