"""The two tokens of a stack on loopback, in files that only their owner may read."""

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mumetal.core.errors import RejectedError, UnavailableError

FOLDER = "access"
OPERATOR_FILE, SENDERS_FILE = "operator.token", "push.token"
TOKEN_BYTES = 32
TOKEN = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one start.

    Args:
        operator: Stands for the operator until the process ends.
        senders: Opens the push door for rows.
    """

    operator: str = field(repr=False)
    senders: str = field(repr=False)


def new_tokens(entropy: Callable[[int], bytes] = secrets.token_bytes) -> Tokens:
    """Return tokens that are in no file."""
    return Tokens(operator=entropy(TOKEN_BYTES).hex(), senders=entropy(TOKEN_BYTES).hex())


def open_tokens(store: Path, entropy: Callable[[int], bytes] = secrets.token_bytes) -> Tokens:
    """Write the tokens of a start: the operator's anew, the senders' where there is none that was kept from others.

    Args:
        store: The data folder.
        entropy: Returns that many random bytes.

    Raises:
        UnavailableError: The files cannot be written.
    """
    folder, fresh = store / FOLDER, new_tokens(entropy)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / OPERATOR_FILE, fresh.operator)
        try:
            return Tokens(operator=fresh.operator, senders=read_token(folder / SENDERS_FILE))
        except (RejectedError, UnavailableError):
            _write(folder / SENDERS_FILE, fresh.senders)
            return fresh
    except OSError as error:
        raise UnavailableError(f"the tokens cannot be written: {error.strerror}", where=str(folder)) from None


def token_file(store: Path) -> Path:
    """Return the file of the operator's token, absolute: whoever asks may stand in another folder."""
    return (store / FOLDER / OPERATOR_FILE).absolute()


def read_token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        UnavailableError: It cannot be read: it is not there, or another account's.
        RejectedError: Others may read it, or it holds no token.
    """
    try:
        with path.open("rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(256)
    except OSError as error:
        raise UnavailableError(
            f"the token cannot be read: {error.strerror}", where=str(path), hint="only whoever runs the stack may"
        ) from None
    if mode & 0o077:
        raise RejectedError(
            "others may read the token", where=str(path), hint="restart `mumetal up`: it makes a new one"
        )
    token = text.decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(token):
        raise RejectedError(
            "this file holds no token", where=str(path), hint="restart `mumetal up`: it makes a new one"
        )
    return token


def _write(path: Path, token: str) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    part.replace(path)
