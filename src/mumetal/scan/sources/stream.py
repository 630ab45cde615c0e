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

_MARK = 64


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
        ending: Asked before each read, so that a log that never rests can be left too.
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
        ending: Callable[[], bool] = lambda: False,
        from_start: bool = True,
        limits: Limits | None = None,
        report: Report = silent,
    ) -> None:
        self._path = path
        self._now = now
        self._wait = wait
        self._ending = ending
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
        rest, line, mark = b"", 1, b""
        turned: BinaryIO | None = None
        while not self._ending():
            if not self._holds(file, mark):
                turned = self._open()
            fresh = b"" if turned is not None and not self._moved(file) else file.read(self._limits.chunk - len(rest))
            if fresh:
                mark = (mark + fresh)[-_MARK:]
                data = rest + fresh
                cut = data.rfind(b"\n") + 1 or (len(data) if len(data) >= self._limits.chunk else 0)
                rest = data[cut:]
                if cut:
                    yield self._artefact(data[:cut], line)
                    line += data.count(b"\n", 0, cut)
                continue
            if turned is not None:
                if rest:
                    yield self._artefact(rest, line)
                file.close()
                file, turned, rest, line, mark = turned, None, b"", 1, b""
                self._report(Quarantined.of(str(self._path), "the log was rotated or cut: read again from its start"))
                continue
            turned = self._turned(file)
            # what was written between the last read and the turn is still in the old file: read it once more
            if turned is None and not self._wait():
                break
        rest += file.read(self._limits.chunk)  # what came while it was told to end
        if rest:
            yield self._artefact(rest, line)
        file.close()

    def _moved(self, file: BinaryIO) -> bool:
        """Whether the open file is another one than the path's: then its rest is still worth reading."""
        try:
            now = self._path.stat()
        except OSError:
            return True
        state = os.fstat(file.fileno())
        return (now.st_dev, now.st_ino) != (state.st_dev, state.st_ino)

    def _holds(self, file: BinaryIO, mark: bytes) -> bool:
        """Whether what was read last still stands before the place; not so when the file was cut and written anew."""
        try:
            return os.pread(file.fileno(), len(mark), file.tell() - len(mark)) == mark
        except OSError:
            return True

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
        """Return the new file when another one stands at the path, else None."""
        try:
            self._path.stat()
        except OSError:  # between the two steps of a rotation
            return None
        return self._open() if self._moved(file) else None
