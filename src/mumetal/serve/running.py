"""Whether a stack runs on a store's folder, and where its pages are."""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

NAME = "running.json"


class Running(Struct, frozen=True, kw_only=True):
    """A stack that runs.

    Args:
        pid: Its process.
        url: Its pages.
        since_ns: When it started, nanoseconds since 1970 UTC.
    """

    pid: int
    url: str
    since_ns: int


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
