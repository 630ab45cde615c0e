"""A key in a file: AES-256-GCM under a passphrase that Argon2id stretches, mode 0600.

The file is canonical JSON. Everything but the ciphertext is authenticated with it, so that nobody lowers the cost or
swaps the public half unseen. Costs default to the second choice of RFC 9106 (64 MiB, 3 passes, 4 lanes) and are bounded
on reading, so that a hostile file cannot ask for all memory. (Biryukov, Dinu and Khovratovich 2016, RFC 9106;
NIST SP 800-38D.)
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.formats import canonical
from mumetal.trust.keys.hybrid import Entropy, SoftKey, soft_key

FORMAT: Literal["mumetal-key/1"] = "mumetal-key/1"
MAX_FILE = 64 * 1024
SALT = 16
NONCE = 12
SHORTEST = 12
LONGEST = 1_024

Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$", max_length=1_024)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one guess of the passphrase costs.

    Args:
        memory_kib: Memory, KiB, 8 per lane to 1 GiB.
        passes: Passes over it, 1 to 16.
        lanes: Parallel lanes, 1 to 16.
    """

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        sane = 1 <= self.lanes <= 16 and 1 <= self.passes <= 16 and 8 * self.lanes <= self.memory_kib <= 2**20
        if not sane:
            raise BadInputError("the cost of a key file is out of bounds")


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key file; ``sealed`` is empty in a plain one, ``plain`` in a sealed one."""

    format: Literal["mumetal-key/1"]
    key_id: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    created_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
    memory_kib: int = 0
    passes: int = 0
    lanes: int = 0
    salt: Hex = ""
    nonce: Hex = ""
    sealed: Hex = ""
    plain: Hex = ""


def seal(key: SoftKey, passphrase: str, *, created_ns: int, entropy: Entropy, cost: Cost | None = None) -> bytes:
    """Return the file of a key under a passphrase.

    Raises:
        BadInputError: The passphrase is shorter than 12 characters or longer than 1,024.
    """
    if not SHORTEST <= len(passphrase) <= LONGEST:
        raise BadInputError(f"a passphrase has {SHORTEST} to {LONGEST} characters")
    cost = cost or Cost()
    salt, nonce = entropy(SALT), entropy(NONCE)
    head: dict[str, canonical.Plain] = {
        "format": FORMAT,
        "key_id": key.public.key_id,
        "created_ns": str(created_ns),
        "memory_kib": cost.memory_kib,
        "passes": cost.passes,
        "lanes": cost.lanes,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
    }
    sealed = AESGCM(_stretch(passphrase, salt, cost)).encrypt(nonce, key.seeds, canonical.encode(head))
    return canonical.encode({**head, "sealed": sealed.hex()}) + b"\n"


def plain(key: SoftKey, *, created_ns: int) -> bytes:
    """Return the file of a key without a passphrase: for machines that must start by themselves, and said aloud."""
    return canonical.encode(
        {"format": FORMAT, "key_id": key.public.key_id, "created_ns": str(created_ns), "plain": key.seeds.hex()}
    ) + b"\n"  # fmt: skip


def is_sealed(data: bytes, where: str = "key file") -> bool:
    """Say whether a key file needs a passphrase.

    Raises:
        BadInputError: It is no key file.
    """
    return bool(_decode(data, where).sealed)


def key_id(data: bytes, where: str = "key file") -> str:
    """Return the id of the key that a file says it holds; nothing secret is opened.

    Raises:
        BadInputError: It is no key file.
    """
    return _decode(data, where).key_id


def unseal(data: bytes, passphrase: str = "", where: str = "key file") -> SoftKey:
    """Return the key in a file.

    Raises:
        BadInputError: It is no key file.
        RejectedError: The passphrase is wrong or the file was altered; which of the two cannot be told.
    """
    file = _decode(data, where)
    if file.plain:
        key = soft_key(bytes.fromhex(file.plain))
    else:
        cost = Cost(memory_kib=file.memory_kib, passes=file.passes, lanes=file.lanes)
        head: dict[str, canonical.Plain] = {
            "format": file.format,
            "key_id": file.key_id,
            "created_ns": file.created_ns,
            "memory_kib": file.memory_kib,
            "passes": file.passes,
            "lanes": file.lanes,
            "salt": file.salt,
            "nonce": file.nonce,
        }
        salt, nonce = bytes.fromhex(file.salt), bytes.fromhex(file.nonce)
        try:
            cipher = AESGCM(_stretch(passphrase, salt, cost))
            key = soft_key(cipher.decrypt(nonce, bytes.fromhex(file.sealed), canonical.encode(head)))
        except InvalidTag:
            raise RejectedError("wrong passphrase, or the key file was altered", where=where) from None
    if key.public.key_id != file.key_id:
        raise RejectedError("the key file names another key than it holds", where=where)
    return key


def write(path: Path, data: bytes) -> None:
    """Write a key file that only its owner can read; never over another.

    Raises:
        BadInputError: There is a file already.
        UnavailableError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BadInputError(
            "there is a file already", where=str(path), hint="a key is never overwritten: choose another name"
        ) from None
    except OSError as error:
        raise UnavailableError(f"the key cannot be written: {error.strerror}", where=str(path)) from None
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UnavailableError(f"the key cannot be written: {error.strerror}", where=str(path)) from None


def read(path: Path) -> bytes:
    """Read a key file that is its owner's alone.

    Raises:
        UnavailableError: There is none or it cannot be read.
        RejectedError: Others may read or write it, it is somebody else's, or it is no plain file.
        BadInputError: It is too long.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnavailableError(f"the key cannot be read: {error.strerror}", where=str(path)) from None
    with os.fdopen(file, "rb") as opened:
        facts = os.fstat(opened.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid not in {0, os.geteuid()}:
            raise RejectedError("the key file is no plain file of yours", where=str(path))
        if facts.st_mode & 0o077:
            raise RejectedError("others may read the key file", where=str(path), hint=f"chmod 600 {path}")
        data = opened.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise BadInputError("no key file is that long", where=str(path))
    return data


def _stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    kdf = Argon2id(salt=salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib)
    try:
        return kdf.derive(passphrase.encode())
    except UnicodeEncodeError:
        raise BadInputError("the passphrase cannot be written as UTF-8") from None


def _decode(data: bytes, where: str) -> _File:
    try:
        file = msgspec.convert(canonical.decode_json(data, MAX_FILE, 3, where), _File)
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a key file: {error}", where=where) from None
    if bool(file.sealed) == bool(file.plain):
        raise BadInputError("a key file is either sealed or plain", where=where)
    if file.plain and len(file.plain) != 128:
        raise BadInputError("a plain key file holds 64 bytes", where=where)
    if file.sealed:
        if len(file.salt) != 2 * SALT or len(file.nonce) != 2 * NONCE or len(file.sealed) != 2 * (64 + 16):
            raise BadInputError("a part of the key file has a wrong length", where=where)
        Cost(memory_kib=file.memory_kib, passes=file.passes, lanes=file.lanes)
    return file
