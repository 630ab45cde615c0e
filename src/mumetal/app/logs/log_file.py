"""The file of the log: whole lines, readable by its owner alone, turned over before it grows past its bound."""

import contextlib
import os
import stat
from pathlib import Path

from mumetal.core.errors import RejectedError, UnavailableError

MODE = 0o600


class LogFile:
    """Appends lines to a file; ``log.jsonl`` becomes ``log.jsonl.1`` when it is full, and so on.

    The bound is ``(keep + 1) * max_bytes``: a line that cannot be written within it is not written. Safe in one thread at
    a time; the handler sees to that.

    Args:
        path: The file; its folder is made.
        max_bytes: Most bytes of one file.
        keep: How many full ones are kept.

    Raises:
        UnavailableError: It cannot be opened.
        RejectedError: It is a link, no plain file, or another user's.
    """

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        self.path, self._max, self._keep = path, max_bytes, keep
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = self._open()
        except OSError as error:
            if path.is_symlink():
                raise RejectedError(
                    "the log's file is a link", where=str(path), hint="set logs.file to a file"
                ) from None
            raise UnavailableError(
                f"the log cannot be written: {error.strerror}",
                where=str(path),
                hint="set logs.file to a file that can be",
            ) from None

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(self.path, flags, MODE)
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid():
            os.close(handle)
            raise RejectedError("the log's file is no plain file of this user", where=str(self.path))
        os.fchmod(handle, MODE)
        return handle

    def write(self, line: bytes) -> None:
        """Append a line that ends with a line feed.

        Raises:
            OSError: It could not be written whole, or the full file not turned over.
        """
        size = os.fstat(self._fd).st_size
        if size and size + len(line) > self._max:
            self._turn_over()
            size = 0
        if os.write(self._fd, line) != len(line):
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, size)  # a part of a line is none
            raise OSError("the disk is full")

    def _turn_over(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        if not self._keep:
            self.path.unlink(missing_ok=True)
        fresh = self._open()
        os.close(self._fd)
        self._fd = fresh

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
