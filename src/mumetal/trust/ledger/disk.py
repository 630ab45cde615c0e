"""Files of a ledger: written whole or not at all."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from mumetal.core.errors import UnavailableError
from mumetal.core.regular import open_regular


def write_whole(path: Path, data: bytes, *, sync: bool) -> None:
    """Put ``data`` in place of what was there; readers see the old or the new bytes.

    Args:
        path: The file; its folder is made.
        data: The bytes.
        sync: Whether it must survive a power cut when this returns.

    Raises:
        OSError: The disk is full or the place cannot be written; what was there still is.
    """
    part = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        file = open_regular(part, flags)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open_regular(part, flags)
    try:
        write_at(file, data, 0)
        if sync:
            os.fsync(file)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    finally:
        os.close(file)
    part.rename(path)
    if sync:
        sync_path(path.parent)


def write_at(file: int, data: bytes, at: int) -> None:
    """Write all of ``data`` at an offset.

    Raises:
        OSError: It could not.
    """
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done


def sync_path(path: Path) -> None:
    """Make a file's or folder's state survive a power cut.

    Raises:
        OSError: It could not.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_whole(path: Path, limit: int) -> bytes | None:
    """Return a file's bytes; None when there is no file.

    Raises:
        UnavailableError: It cannot be read, is no regular file, or is longer than ``limit``.
    """
    try:
        file = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnavailableError(f"cannot be read: {error.strerror}", where=str(path)) from None
    try:
        size = os.fstat(file).st_size
        data = os.pread(file, limit + 1, 0) if size <= limit else b""
        while len(data) < size <= limit:
            more = os.pread(file, limit + 1 - len(data), len(data))
            if not more:
                break
            data += more
    except OSError as error:
        raise UnavailableError(f"cannot be read: {error.strerror}", where=str(path)) from None
    finally:
        os.close(file)
    if size > limit:
        raise UnavailableError(f"longer than {limit} bytes", where=str(path))
    return data


def lock_folder(path: Path) -> int:
    """Make a folder, lock it for this process alone, and return the open lock.

    Raises:
        UnavailableError: Another process holds it, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"the ledger cannot be opened: {error.strerror}", where=str(path)) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise UnavailableError("another process writes this ledger", where=str(path)) from None
    return file
