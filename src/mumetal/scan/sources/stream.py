"""Standard input, and log files that grow."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import UnavailableError
from mumetal.scan.sources.expand import expanded
from mumetal.scan.sources.limits import Limits, Report, silent
from mumetal.scan.sources.pieces import pieces


class Stream:
    """One stream of bytes, such as standard input.

    Args:
        stream: Where bytes come from.
        name: What it is called in findings.
        t_ns: The time findings carry, nanoseconds since 1970 UTC.
        kind: ``"log"`` for logs, ``"file"`` otherwise.
        limits: Bounds.
        report: Told what is left out, and why.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str = "stdin",
        *,
        t_ns: int,
        kind: str = "file",
        limits: Limits | None = None,
        report: Report = silent,
    ) -> None:
        self._stream = stream
        self._name = name
        self._facts = (("t_ns", str(t_ns)), ("place", kind))
        self._kind = kind
        self._limits = limits or Limits()
        self._report = report

    def blobs(self) -> Iterator[Artefact]:
        """Yield the stream in pieces."""
        for piece in pieces(self._stream, self._name, chunk=self._limits.chunk, facts=self._facts, kind=self._kind):
            yield from expanded(piece, self._limits, self._report)


class Follow:
    """A log that grows, as ``tail -F`` sees it: whole lines as they are written, across rotation and truncation.

    Args:
        path: The log.
        now: Returns the time, nanoseconds since 1970 UTC.
        wait: Called when there is nothing new; returns False to end. It sleeps, so that tests need not.
        from_start: Whether what is there already is read.
        limits: Bounds.
        report: Told of rotation, truncation and lines without end.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], int],
        wait: Callable[[], bool],
        from_start: bool = True,
        limits: Limits | None = None,
        report: Report = silent,
    ) -> None:
        self._path = path
        self._now = now
        self._wait = wait
        self._from_start = from_start
        self._limits = limits or Limits()
        self._report = report

    def blobs(self) -> Iterator[Artefact]:
        """Yield new whole lines, until ``wait`` says to end.

        Raises:
            UnavailableError: The log cannot be opened at the start.
        """
        file = self._open()
        if file is None:
            raise UnavailableError("the log cannot be opened", where=str(self._path))
        if not self._from_start:
            file.seek(0, os.SEEK_END)
        rest, line = b"", 1
        while True:
            fresh = file.read(self._limits.chunk - len(rest))
            if fresh:
                data = rest + fresh
                cut = data.rfind(b"\n") + 1 or (len(data) if len(data) >= self._limits.chunk else 0)
                rest = data[cut:]
                if cut:
                    yield self._artefact(data[:cut], line)
                    line += data.count(b"\n", 0, cut)
                continue
            turned = self._turned(file)
            if turned is not None:
                if rest:
                    yield self._artefact(rest, line)
                file.close()
                file, rest, line = turned, b"", 1
                self._report(Quarantined.of(str(self._path), "the log was rotated or cut: read again from its start"))
                continue
            if not self._wait():
                break
        if rest:
            yield self._artefact(rest, line)
        file.close()

    def _artefact(self, data: bytes, line: int) -> Artefact:
        return Artefact(
            uri=self._path.name,
            kind="log",
            data=data,
            facts=(("t_ns", str(self._now())), ("place", "log"), ("line", str(line))),
        )

    def _open(self) -> BinaryIO | None:
        try:
            return self._path.open("rb")
        except OSError:
            return None

    def _turned(self, file: BinaryIO) -> BinaryIO | None:
        """Return the new file when the log was rotated or cut short, else None."""
        state = os.fstat(file.fileno())
        try:
            now = self._path.stat()
        except OSError:
            return None
        if (now.st_dev, now.st_ino) == (state.st_dev, state.st_ino) and now.st_size >= file.tell():
            return None
        return self._open()
