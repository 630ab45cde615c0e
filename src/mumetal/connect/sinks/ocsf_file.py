"""OCSF events as JSON lines in a file that rotates by size: ``ocsf:PATH?max_mib=64&keep=5``."""

import os
from collections.abc import Sequence
from pathlib import Path

from mumetal.connect.sinks.spec import SinkFactory, SinkSpec
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.ports import PluginInfo, Sink
from mumetal.formats import ocsf_findings

TAIL = 1 << 16


class OcsfFile:
    """Appends to a file, durably. A line cut short by a crash is removed when the file is opened again.

    Args:
        path: The file; its folder is made.
        max_bytes: Size past which it becomes ``PATH.1``.
        keep: How many older files stay; the oldest goes.
        version: Mumetal's version, for the events.

    Raises:
        BadInputError: The path cannot be written (a folder, a symbolic link).
    """

    info = PluginInfo(
        plugin_id="connect.sinks.ocsf_file",
        title="OCSF events as JSON lines in a file",
        reference="OCSF 1.9.0-dev, classes 2004 and 2005",
    )

    def __init__(self, path: Path, *, max_bytes: int = 64 * 2**20, keep: int = 5, version: str = "") -> None:
        if max_bytes < 1 or not 0 <= keep <= 1_000:
            raise BadInputError("an OCSF file holds at least one byte and keeps 0 to 1000 older ones", where=str(path))
        self._path, self._max, self._keep, self._version = path, max_bytes, keep, version
        self._file = -1
        self._size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise BadInputError(f"cannot write OCSF lines: {error.strerror}", where=str(path)) from None

    def deliver(self, items: Sequence[Finding | Incident]) -> None:
        """Append ``items`` and flush them to the disk.

        Raises:
            UnavailableError: The disk is full or the file is gone; nothing is left half written.
            BadInputError: An item cannot be encoded; nothing was written.
        """
        data = b"".join(ocsf_findings.encode(i, version=self._version) + b"\n" for i in items)
        if not data:
            return
        try:
            if self._file < 0:
                self._open()
            if self._size and self._size + len(data) > self._max:
                self._rotate()
            self._write(data)
        except OSError as error:
            self.close()
            raise UnavailableError(f"cannot write OCSF lines: {error.strerror}", where=str(self._path)) from error

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._size = _whole_lines(self._file, os.lseek(self._file, 0, os.SEEK_END))
        os.ftruncate(self._file, self._size)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                written = os.pwrite(self._file, rest, self._size + len(data) - len(rest))
                rest = rest[written:]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _rotate(self) -> None:
        self.close()
        for n in range(self._keep, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{n}")
            newer = self._path if n == 1 else self._path.with_name(f"{self._path.name}.{n - 1}")
            if newer.exists():
                newer.replace(older)
        if self._keep == 0:
            self._path.unlink()
        self._open()


def _whole_lines(file: int, size: int) -> int:
    """Return how many bytes of a file are whole lines."""
    end = size
    while end > 0:
        start = max(0, end - TAIL)
        cut = os.pread(file, end - start, start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0


def _open(spec: SinkSpec) -> Sink:
    if not spec.place:
        raise BadInputError("an OCSF sink needs a path", where=spec.where)
    max_mib, keep = spec.whole(spec.option("max_mib", "64")), spec.whole(spec.option("keep", "5"))
    return OcsfFile(Path(spec.place), max_bytes=max_mib * 2**20, keep=keep, version=spec.version)


FACTORY = SinkFactory(
    info=OcsfFile.info,
    example="ocsf:/var/log/mumetal.jsonl",
    options={"max_mib": "size at which the file rotates, MiB", "keep": "older files that stay"},
    open=_open,
)
