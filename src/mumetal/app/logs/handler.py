"""Writes records where they belong, and keeps one event that never ends from washing all others out of the log."""

import logging
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress

from mumetal.app.logs.log_file import LogFile
from mumetal.core.logs import FIELDS, ROOT

MAX_LINES = 60  # of one event …
WINDOW_S = 10.0  # … in so long
LOGGED = "_mumetal_logged"


class LogRateLimit:
    """Lets 60 lines of one event through in ten seconds; the rest is counted. Debug lines always pass.

    Args:
        now_s: Monotonic time, s.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._seen: dict[str, list[float]] = {}  # since when, lines let through, lines held back

    def admits(self, record: logging.LogRecord) -> tuple[bool, int]:
        """Return whether it passes, and how many of its kind were held back before the window it opens."""
        if record.levelno <= logging.DEBUG:
            return True, 0
        now, kind = self._now_s(), record.msg if record.name.startswith(f"{ROOT}.") else record.name
        window = self._seen.setdefault(str(kind)[:200], [now, 0, 0])
        held = 0
        if now - window[0] >= WINDOW_S:
            held, window[:] = int(window[2]), [now, 0, 0]
        window[1] += 1
        if window[1] > MAX_LINES:
            window[2] += 1
            return False, 0
        return True, held

    def held_back(self) -> list[tuple[str, int]]:
        """Return what is held back and not reported yet, by event."""
        return [(kind, int(window[2])) for kind, window in self._seen.items() if window[2]]


class LogHandler(logging.Handler):
    """Formats a record once and writes it to the file and, where asked for, to the standard error stream.

    A log that cannot be written stops nothing: lines are counted, and the count is written as soon as that works again.
    An error that is reported by several layers is written once, by the first.

    Args:
        file: Where lines go.
        stderr: Whether they go to the standard error stream too.
    """

    def __init__(self, file: LogFile, *, stderr: bool) -> None:
        super().__init__()
        self._file, self._stderr, self._limit = file, stderr, LogRateLimit()
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; called with the handler's lock held."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            if error.__dict__.get(LOGGED):
                return
            error.__dict__[LOGGED] = True
        passes, held = self._limit.admits(record)
        if not passes:
            return
        try:
            if held:
                self._write(_counted("log.rate_limited", limited=str(record.msg)[:100], lines=held))
            if self.lost:
                self._write(_counted("log.lost", lines=self.lost))
                self.lost = 0
            self._write(record)
        except Exception:  # noqa: BLE001 - a failing log stops nothing
            self.lost += 1

    def _write(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        if self._stderr:
            sys.stderr.write(line)
        self._file.write(line.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Write what was held back, and let go of the file."""
        with self.lock or nullcontext(), suppress(OSError):
            for kind, held in self._limit.held_back():
                self._write(_counted("log.rate_limited", limited=kind, lines=held))
        self._file.close()
        super().close()


def _counted(event: str, **fields: str | int) -> logging.LogRecord:
    record = logging.LogRecord(f"{ROOT}.app", logging.WARNING, "", 0, event, None, None)
    setattr(record, FIELDS, fields)
    return record
