"""Turns the log on for as long as a stack runs."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

from mumetal.app.logs.clean import Mask
from mumetal.app.logs.handler import LogHandler
from mumetal.app.logs.log_file import LogFile
from mumetal.app.logs.render import formatter
from mumetal.app.logs.settings import LogSettings
from mumetal.core.errors import MumetalError
from mumetal.core.logs import ROOT, RoomLogger

MIB = 2**20
NAMES = {"json": "log.jsonl", "text": "log.txt"}
_log = RoomLogger("app")


def log_path(settings: LogSettings, folder: Path) -> Path:
    """Return the log's file: the one that is set, else ``log.jsonl`` (``log.txt`` as text) in the store's folder."""
    return Path(settings.file).absolute() if settings.file else (folder / NAMES[settings.format]).absolute()


class RunningLog:
    """One handler for our rooms, the web server and every other library; leaving the block takes it away again.

    Args:
        settings: What was set.
        folder: The store's folder.
        mask: Takes secrets out of a text.

    Raises:
        UnavailableError: The file cannot be written.
        RejectedError: It is a link or no plain file of this user.
    """

    def __init__(self, settings: LogSettings, folder: Path, mask: Mask) -> None:
        self.path = log_path(settings, folder)
        self._levels = _levels(settings)
        file = LogFile(self.path, max_bytes=settings.max_mib * MIB, keep=settings.keep)
        self._handler = LogHandler(file, stderr=settings.stderr)
        self._handler.setFormatter(formatter(settings.format, mask))
        self._before: dict[str, int] = {}

    def __enter__(self) -> Self:
        for name, level in self._levels.items():
            logger = logging.getLogger(name)
            self._before[name] = logger.level
            logger.setLevel(level)
        logging.getLogger().addHandler(self._handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, MumetalError):
            _log.error("stack.refused", error=type(error).__name__, where=error.where, reason=error.message)
        elif isinstance(error, Exception):
            _log.failure("stack.failed", error)
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        for name, level in self._before.items():
            logging.getLogger(name).setLevel(level)


def _levels(settings: LogSettings) -> dict[str, str]:
    """Return the level of each logger that has one: ours, then single rooms; the web server's starts at warning."""
    rooms = {f"{ROOT}.{room}": level.upper() for room, level in settings.levels.items() if room != "uvicorn"}
    return {ROOT: settings.level.upper(), "uvicorn": settings.levels.get("uvicorn", "warning").upper(), **rooms}
