"""Whether a stack runs on a store's folder, where its pages are, and how it is asked to do something."""

import http.client
import os
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from mumetal.core.errors import BadInputError, UnavailableError

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
    """

    pid: int
    url: str
    since_ns: int
    log: str = ""


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


def ask(running: Running, path: str, body: bytes | None, method: str = "POST") -> bytes:
    """Ask the stack that runs here, with JSON or without, and return its answer; one process owns the incidents.

    Raises:
        UnavailableError: It does not answer, or only over TLS.
        BadInputError: It refused.
    """
    place = urlsplit(running.url)
    if place.scheme != "http":
        raise UnavailableError(
            "the stack runs with TLS", where=running.url, hint="use its page, or post with a certificate"
        )
    line = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=TIMEOUT_S)
    try:
        line.request(method, path, body=body, headers={"Content-Type": "application/json"} if body is not None else {})
        answer = line.getresponse()
        said = answer.read(MAX_ANSWER)
    except OSError as error:
        raise UnavailableError(f"the running stack does not answer: {error}", where=running.url) from None
    finally:
        line.close()
    if answer.status >= 400:
        raise BadInputError(f"the running stack refused: {said[:300].decode(errors='replace')}", where=running.url)
    return said
