"""The logging port: a room names an event and gives its fields.

The name is fixed text of two dotted parts, the thing and what became of it (``source.unavailable``), and is never made of data;
what came from outside goes into a field. Nothing is written here and nothing is printed: a running stack says what is
kept, where and how (:mod:`mumetal.app.logs`), and without one every call returns at once.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TypeAlias

LogValue: TypeAlias = "str | int | float | bool | None"

ROOT = "mumetal"
FIELDS = "mumetal_fields"  # where a standard log record carries them
_NONE: Mapping[str, LogValue] = MappingProxyType({})
_bound: ContextVar[Mapping[str, LogValue]] = ContextVar("mumetal_log", default=_NONE)

logging.getLogger(ROOT).addHandler(logging.NullHandler())  # without a handler the standard library prints warnings


@contextmanager
def log_context(**fields: LogValue) -> Iterator[None]:
    """Add fields, such as ``request`` or ``incident``, to every line that this thread or task logs inside the block."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


class RoomLogger:
    """One room's way to the log.

    Args:
        room: Name of the room; its level can be set apart.

    Example:
        >>> log = RoomLogger("connect")
        >>> with log_context(request="5f2a"):
        ...     log.warning("source.unavailable", source="csv:lab.csv", reason="no such file")
    """

    def __init__(self, room: str) -> None:
        self._to = logging.getLogger(f"{ROOT}.{room}")

    def debug(self, event: str, /, **fields: LogValue) -> None:
        """Log what only helps to find a fault."""
        self._emit(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: LogValue) -> None:
        """Log what an operator expects to happen."""
        self._emit(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: LogValue) -> None:
        """Log what an operator should look at when there is time."""
        self._emit(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: LogValue) -> None:
        """Log what stops something from working."""
        self._emit(logging.ERROR, event, fields)

    def failure(self, event: str, error: BaseException, /, **fields: LogValue) -> None:
        """Log an unexpected error, with its stack and without the value of any variable."""
        self._emit(logging.ERROR, event, fields, error)

    def _emit(self, level: int, event: str, fields: Mapping[str, LogValue], error: BaseException | None = None) -> None:
        if self._to.isEnabledFor(level):
            self._to.log(level, event, exc_info=error, extra={FIELDS: {**_bound.get(), **fields}})
