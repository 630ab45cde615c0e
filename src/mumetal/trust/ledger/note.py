"""Signed notes (C2SP signed-note): a text, an empty line, and one line per signature.

Each line names a key and gives four bytes of key id before the signature. What a verifier does not know it passes
over; a line that claims a known key and does not hold makes it refuse the note.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from mumetal.core.errors import BadInputError, RejectedError

MAX_NOTE = 256 * 1024
MAX_LINES = 32
DASH = "\u2014"
KEY_NAME = re.compile(r"[^\s+]{1,200}")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
ML_DSA_87 = b"\xffmumetal ml-dsa-87"  # no byte is assigned to this scheme: 0xff and a name, as the format asks
ML_DSA_87_COSIGNATURE = b"\xffmumetal cosignature ml-dsa-87"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line.

    Args:
        name: The key's name.
        key_id: Four bytes.
        sig: What the key's algorithm made.
    """

    name: str
    key_id: bytes
    sig: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text and who signed it.

    Args:
        text: Ends in a newline, which is signed too.
        signatures: At most 32.
    """

    text: str
    signatures: tuple[NoteSignature, ...] = ()

    @property
    def signed(self) -> bytes:
        """The bytes that the signatures are over."""
        return self.text.encode()

    def by(self, name: str, key_id: bytes) -> NoteSignature:
        """Return the one signature of a key.

        Raises:
            RejectedError: There is none, or more than one.
        """
        found = [s for s in self.signatures if s.name == name and s.key_id == key_id]
        if len(found) != 1:
            raise RejectedError("the note is not signed once by this key", where=f"{name} {key_id.hex()}")
        return found[0]


def key_id(name: str, kind: bytes, public: bytes) -> bytes:
    """Return the four bytes that point at a key of a signature type."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def check_name(name: str) -> str:
    """Return a key's name that a note can carry.

    Raises:
        BadInputError: It is empty, too long, or has a space, a plus or a control character.
    """
    if not KEY_NAME.fullmatch(name) or CONTROL.search(name) or not name.isprintable():
        raise BadInputError("a key name has no space, plus or control character", where=name[:80])
    return name


def encode(note: Note) -> bytes:
    """Return the note's bytes.

    Raises:
        BadInputError: The text is not one a note can carry.
    """
    if not note.text.endswith("\n") or CONTROL.search(note.text):
        raise BadInputError("a note's text ends in a newline and has no other control character")
    lines = "".join(
        f"{DASH} {check_name(s.name)} {base64.b64encode(s.key_id + s.sig).decode()}\n" for s in note.signatures
    )
    try:
        return f"{note.text}\n{lines}".encode()
    except UnicodeEncodeError:
        raise BadInputError("a note is UTF-8") from None


def decode(data: bytes, where: str = "note") -> Note:
    """Read a note.

    Raises:
        BadInputError: It is none.
    """
    if len(data) > MAX_NOTE:
        raise BadInputError(f"a note has at most {MAX_NOTE} bytes", where=where)
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise BadInputError("a note is UTF-8", where=where) from None
    if CONTROL.search(whole) or not whole.endswith("\n"):
        raise BadInputError("a note ends in a newline and has no other control character", where=where)
    text, blank, rest = whole.rpartition("\n\n")
    lines = rest.removesuffix("\n").split("\n")
    if not blank or not text or not rest or len(lines) > MAX_LINES:
        raise BadInputError(f"a note is a text, an empty line and 1 to {MAX_LINES} signatures", where=where)
    return Note(text=text + "\n", signatures=tuple(_line(line, where) for line in lines))


def _line(line: str, where: str) -> NoteSignature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH:
        raise BadInputError("not a signature line", where=where)
    try:
        raw = base64.b64decode(parts[2], validate=True)
    except (binascii.Error, ValueError):
        raise BadInputError("a signature is not base64", where=where) from None
    if len(raw) < 5 or base64.b64encode(raw).decode() != parts[2]:
        raise BadInputError("a signature is not the one base64 spelling of 5 bytes or more", where=where)
    return NoteSignature(name=check_name(parts[1]), key_id=raw[:4], sig=raw[4:])
