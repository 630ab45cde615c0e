"""Whether a stack runs on a store's folder, where its pages are, and how it is asked to do something."""

import http.client
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from mumetal.access.api import read_token
from mumetal.core.errors import BadInputError, MissingError, MumetalError, RejectedError, UnavailableError

TIMEOUT_S = 60.0
MAX_ANSWER = 1_000_000
NAME = "running.json"


class Running(Struct, frozen=True, kw_only=True):
    """A stack that runs.

    Args:
        pid: Its process.
        url: Its pages.
        since_ns: When it started, nanoseconds since 1970 UTC.
        log: Its log; empty when an older Mumetal runs.
        token: File of the operator's token; empty where certificates say who calls.
    """

    pid: int
    url: str
    since_ns: int
    log: str = ""
    token: str = ""


def write(directory: Path, running: Running) -> None:
    """Leave word that a stack runs here."""
    part = directory / (NAME + ".part")
    part.write_bytes(msgspec.json.encode(running))
    part.replace(directory / NAME)


def clear(directory: Path) -> None:
    """Take the word back."""
    (directory / NAME).unlink(missing_ok=True)


def read(directory: Path) -> Running | None:
    """Return the stack that runs here, or None; a stale word of a dead process is none."""
    try:
        running = msgspec.json.decode((directory / NAME).read_bytes(), type=Running)
        os.kill(running.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return running


def found(folders: Iterable[Path]) -> Running:
    """Return the stack that runs in the first of these folders that one runs in.

    Raises:
        UnavailableError: None runs in any.
    """
    looked = tuple(folders)
    alive = next((running for folder in looked if (running := read(folder))), None)
    if alive is None:
        raise UnavailableError("no stack runs here", where=str(looked[0]), hint="start one with `mumetal up`")
    return alive


def ask(running: Running, path: str, body: bytes | None, method: str = "POST") -> bytes:
    """Ask the stack that runs here, with JSON or without, and return its answer; one process owns the incidents.

    Raises:
        UnavailableError: It does not answer, or only over TLS, or its token is another account's.
        RejectedError: A security check there said no.
        BadInputError: It refused for another reason.
    """
    place = urlsplit(running.url)
    if place.scheme != "http":
        raise UnavailableError(
            "the stack runs with TLS", where=running.url, hint="use its page, or post with a certificate"
        )
    headers = {"Authorization": f"Bearer {read_token(Path(running.token))}"} if running.token else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    line = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=TIMEOUT_S)
    try:
        line.request(method, path, body=body, headers=headers)
        answer = line.getresponse()
        said = answer.read(MAX_ANSWER)
    except OSError as error:
        raise UnavailableError(f"the running stack does not answer: {error}", where=running.url) from None
    finally:
        line.close()
    if answer.status >= 400:
        raise _refusal(answer.status, said, running.url)
    return said


class _Told(Struct, frozen=True):
    detail: str = ""
    where: str = ""
    hint: str = ""


def _refusal(status: int, said: bytes, url: str) -> MumetalError:
    """Return the error that the answer tells of (RFC 9457)."""
    try:
        told = msgspec.json.decode(said, type=_Told)
    except msgspec.DecodeError:
        told = _Told(detail=said[:300].decode(errors="replace"))
    kinds: dict[int, type[MumetalError]] = {
        401: RejectedError,
        403: RejectedError,
        404: MissingError,
        503: UnavailableError,
    }
    kind = kinds.get(status, BadInputError)
    return kind(f"the running stack refused: {told.detail}"[:500], where=told.where or url, hint=told.hint)
