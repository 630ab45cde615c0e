"""The log's key is replaced: a statement that both keys sign, so that who kept either can check what the other signed.

A statement is a note (C2SP signed-note) in ``keys/0001`` and on::

    lab-7.example/mumetal
    log key rotation/v1
    4711
    the root of these entries, base64
    Ed25519 and ML-DSA-87 of the former key
    Ed25519 and ML-DSA-87 of the next

Number and root are those of the former key's last checkpoint. One of more entries has to be signed by the next key, and
what lies below is fixed, so that a former key that is stolen later signs nothing where the next one is known. Who still
trusts the former key alone follows whoever has it: keep the next public key in its place.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.keys.hybrid import HybridPublicKey, HybridSignature, Signer
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.disk import read_whole, write_whole
from mumetal.trust.ledger.merkle import HASH
from mumetal.trust.ledger.note import Note, NoteSignature

FOLDER = "keys"
KIND = "log key rotation/v1"
MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One replacement of the log's key.

    Args:
        origin: The log's name.
        size: Entries under the former key's last checkpoint.
        root: Their root, 32 bytes.
        former: The key before.
        following: The key from then on.
    """

    origin: str
    size: int
    root: bytes
    former: HybridPublicKey
    following: HybridPublicKey

    @property
    def text(self) -> str:
        """The text of its note."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{KIND}\n{self.size}\n{root}\n{_text(self.former)}\n{_text(self.following)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """The keys that checkpoints of one log may be signed with.

    Args:
        newest: The key in use.
        rotations: How it came to be, oldest first.
    """

    newest: HybridPublicKey
    rotations: tuple[Rotation, ...] = field(default=())

    def may_sign(self, size: int) -> list[HybridPublicKey]:
        """Return the keys that may have signed a checkpoint of so many entries, the newest first."""
        return [self.newest, *(r.former for r in reversed(self.rotations) if size <= r.size)]


def sign(rotation: Rotation, former: Signer, following: Signer) -> Note:
    """Return the statement signed by both keys.

    Raises:
        UnavailableError: A key cannot be reached.
    """
    note = Note(text=rotation.text)
    lines: list[NoteSignature] = []
    for signer in (former, following):
        made, public = signer.sign(note.signed), signer.public
        for kind, key, sig in (
            (notes.ED25519, public.ed25519, made.ed25519),
            (notes.ML_DSA_87, public.ml_dsa_87, made.ml_dsa_87),
        ):
            name = rotation.origin
            lines.append(NoteSignature(name=name, key_id=notes.key_id(name, kind, key), sig=sig))
    return Note(text=note.text, signatures=tuple(lines))


def verify(note: Note, where: str = "rotation") -> Rotation:
    """Return what a statement says, once both its keys are known to have signed it.

    Raises:
        RejectedError: It is none, or one of its keys did not sign it.
    """
    try:
        found = _read(note, where)
        for public in (found.former, found.following):
            ed25519 = note.by(found.origin, notes.key_id(found.origin, notes.ED25519, public.ed25519))
            ml_dsa = note.by(found.origin, notes.key_id(found.origin, notes.ML_DSA_87, public.ml_dsa_87))
            public.verify(note.signed, HybridSignature(ed25519=ed25519.sig, ml_dsa_87=ml_dsa.sig))
    except BadInputError as error:
        raise RejectedError(f"not a change of the log's key: {error.message}", where=where) from None
    return found


def place(ledger: Path, number: int) -> Path:
    """Return the file of a statement, counted from 1."""
    return ledger / FOLDER / f"{number:04d}"


def statements(ledger: Path) -> list[bytes]:
    """Return the bytes of a ledger's statements, oldest first.

    Raises:
        UnavailableError: One cannot be read.
    """
    found: list[bytes] = []
    while len(found) < MOST and (data := read_whole(place(ledger, len(found) + 1), notes.MAX_NOTE)) is not None:
        found.append(data)
    return found


def keys_of(ledger: Path, origin: str, own: HybridPublicKey) -> LogKeys:
    """Return the keys of a log for whoever writes it.

    Raises:
        RejectedError: The own key was replaced by another.
        UnavailableError: A statement cannot be read.
    """
    keys = log_keys(ledger, origin, own)
    if keys.newest != own:
        raise RejectedError(
            "the log's key was replaced, and this is a former one", where=str(ledger), hint="name the new key"
        )
    return keys


def replace(ledger: Path, origin: str, size: int, root: bytes, former: Signer, following: Signer) -> Rotation:
    """Write, durably, that another key takes the former one's place; from then on the former signs nothing.

    Raises:
        BadInputError: The log has or had that key.
        UnavailableError: It cannot be written, or a key cannot be reached.
    """
    keys = log_keys(ledger, origin, former.public)
    if following.public in {former.public, *(r.former for r in keys.rotations)}:
        raise BadInputError("the log has or had that key", where=str(ledger), hint="make another")
    made = Rotation(origin=origin, size=size, root=root, former=former.public, following=following.public)
    try:
        write_whole(place(ledger, len(statements(ledger)) + 1), notes.encode(sign(made, former, following)), sync=True)
    except OSError as error:
        raise UnavailableError(f"the change cannot be written: {error.strerror}", where=str(ledger)) from None
    return made


def log_keys(ledger: Path, origin: str, known: HybridPublicKey) -> LogKeys:
    """Return the keys of a log, followed from one that is known, forwards and backwards.

    What does not verify, or does not join, is passed over: nobody without both keys can add to the chain.

    Args:
        ledger: The ledger's folder, or a copy.
        origin: The log's name.
        known: The key that is trusted.

    Raises:
        UnavailableError: A statement cannot be read.
    """
    said: list[Rotation] = []
    for number, data in enumerate(statements(ledger), 1):
        where = str(place(ledger, number))
        try:
            found = verify(notes.decode(data, where), where)
        except (BadInputError, RejectedError):
            continue
        if found.origin == origin:
            said.append(found)
    return _chain(said, known)


def _chain(said: Sequence[Rotation], known: HybridPublicKey) -> LogKeys:
    newest, chain = known, list[Rotation]()
    for rotation in said:
        if rotation.former == newest:
            chain.append(rotation)
            newest = rotation.following
    first = known
    for rotation in reversed(said):
        if rotation.following == first and rotation.former not in {newest, *(r.former for r in chain)}:
            chain.insert(0, rotation)
            first = rotation.former
    return LogKeys(newest=newest, rotations=tuple(chain))


def _text(public: HybridPublicKey) -> str:
    return f"{base64.b64encode(public.ed25519).decode()} {base64.b64encode(public.ml_dsa_87).decode()}"


def _read(note: Note, where: str) -> Rotation:
    lines = note.text.split("\n")
    if len(lines) != 7 or lines[1] != KIND or not lines[2].isascii() or not lines[2].isdigit() or len(lines[2]) > 18:
        raise BadInputError("other lines than an origin, a kind, a size, a root and two keys", where=where)
    try:
        root = base64.b64decode(lines[3], validate=True)
    except (binascii.Error, ValueError):
        raise BadInputError("the root is not base64", where=where) from None
    found = Rotation(
        origin=notes.check_name(lines[0]),
        size=int(lines[2]),
        root=root,
        former=_key(lines[4], where),
        following=_key(lines[5], where),
    )
    if found.text != note.text or found.former == found.following or len(root) != HASH:
        raise BadInputError("not the one spelling of its keys", where=where)
    return found


def _key(line: str, where: str) -> HybridPublicKey:
    try:
        ed25519, ml_dsa = (base64.b64decode(half, validate=True) for half in line.split(" "))
    except (binascii.Error, ValueError):
        raise BadInputError("a key is two halves in base64", where=where) from None
    return HybridPublicKey(ed25519=ed25519, ml_dsa_87=ml_dsa)
