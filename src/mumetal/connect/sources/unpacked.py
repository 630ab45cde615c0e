"""Compressed files, unpacked once and within bounds, so that they are read like others."""

import gzip
import os
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

from mumetal.connect.sources.tree import Found
from mumetal.core.errors import BadInputError, UnavailableError

SUFFIX = ".gz"
MAX_UNPACKED = 2**30
PIECE = 2**20


def unpack(path: Path, limit: int) -> bytes:
    """Return what a gzip file holds.

    Raises:
        BadInputError: It is none, is not complete, or holds more than ``limit`` bytes.
        UnavailableError: It went away.
    """
    with _opened(path) as file:
        content = _read(file, limit + 1)
    if len(content) > limit:
        raise BadInputError(f"it unpacks to more than {limit} bytes")
    return content


class Unpacked:
    """The last gzip file asked for, unpacked into a file without a name that others could open."""

    def __init__(self) -> None:
        self._stamp: tuple[str, int, int, int] | None = None
        self._sizes: dict[tuple[str, int, int, int], int] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def plain(self, found: Found, offset: int = 0) -> Found:
        """Return the file to read for one found: itself, or what it unpacks to.

        Args:
            found: What is there.
            offset: How much of it was read; one that was read to its end is not unpacked again.

        Raises:
            BadInputError: It is no whole gzip file, or unpacks to more than 1 GiB.
            UnavailableError: It went away.
        """
        if not found.path.name.lower().endswith(SUFFIX):
            return found
        stamp = (found.relative, found.inode, found.size, found.mtime_ns)
        known = self._sizes.get(stamp, -1)
        if known >= 0 and (offset >= known or self._stamp == stamp):
            return replace(found, path=self._target(), size=known)
        size, self._stamp = 0, None
        with _opened(found.path) as file, self._target().open("wb") as out:
            while piece := _read(file, PIECE):
                size += len(piece)
                if size > MAX_UNPACKED:
                    raise BadInputError(f"it unpacks to more than {MAX_UNPACKED} bytes", hint="split the file")
                out.write(piece)
        self._stamp, self._sizes[stamp] = stamp, size
        return replace(found, path=self._target(), size=size)

    def close(self) -> None:
        """Remove what was unpacked."""
        if self._folder is not None:
            self._folder.cleanup()
        self._folder, self._stamp = None, None

    def _target(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mumetal-unpacked-")
        return Path(self._folder.name) / "file"


def _opened(path: Path) -> gzip.GzipFile:
    try:
        return gzip.GzipFile(path, "rb")
    except OSError as error:
        raise UnavailableError(f"cannot be read: {error.strerror}", where=os.fspath(path)) from None


def _read(file: gzip.GzipFile, size: int) -> bytes:
    try:
        return file.read(size)
    except (OSError, EOFError, zlib.error):
        raise BadInputError("no whole gzip file", where=str(file.name), hint="it may still be written") from None
