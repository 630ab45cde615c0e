"""A hash-chained file: one line per decision, each holding the digest of the line before it.

A line is canonical JSON (RFC 8785) of the entry, its index and ``previous``, then a space and the SHA-256 of that
JSON. Whoever alters, removes, inserts or reorders a line breaks the chain, and :meth:`ChainedFileLedger.verify` says
where. **What it cannot see alone:** lines cut off the *end*, or the whole file written anew from some line on by
somebody who can write the file. That needs a witness outside: keep :attr:`ChainedFileLedger.head` somewhere else and
give it back as ``witnessed``. (Schneier and Kelsey 1999, doi:10.1145/317087.317089.)
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import msgspec

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.formats import canonical

GENESIS = "0" * 64
MAX_LINE = 1 << 17
FIELDS = ("tenant", "actor", "action", "subject", "why", "outcome")
SHAPE = re.compile(rb"(\{.*\}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest entry: how many there are and the digest of the last (64 zeros when there is none)."""

    count: int
    digest: str


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON of one line."""

    index: int
    previous: str
    t_ns: str
    tenant: str
    actor: str
    action: str
    subject: str
    why: str
    outcome: str


class ChainedFileLedger:
    """Append-only; an entry is on the disk (``fdatasync``) when :meth:`append` returns.

    A line that a crash cut short was never acknowledged: it is moved to ``PATH.torn`` when the file is opened. One
    process writes at a time (``flock``).

    Args:
        path: The file; its folder is made.
        read_only: Look at a ledger that another process may be writing: no lock, nothing repaired, what is being
            written beyond the last whole line is left out.

    Raises:
        UnavailableError: Another process writes it, or it cannot be opened.
        RejectedError: The last whole line does not hold; :meth:`verify` checks the rest.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._lock = Lock()
        try:
            if read_only:
                self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            else:
                self._file = _open_to_write(path)
        except OSError as error:
            raise UnavailableError(f"cannot open the ledger: {error.strerror}", where=str(path)) from None
        try:
            if not read_only:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._starts, self._size = self._read_starts()
            self._head = self._read_head()
        except BlockingIOError:
            os.close(self._file)
            raise UnavailableError("another process writes this ledger", where=str(path)) from None
        except BaseException:
            os.close(self._file)
            raise

    @property
    def head(self) -> Head:
        """What a witness should keep."""
        return self._head

    def append(self, entry: LedgerEntry) -> int:
        """Write durably and return the entry's index.

        Raises:
            BadInputError: A text is too long or cannot be written as UTF-8.
            UnavailableError: It could not be written; then the act must not happen.
        """
        _check(entry)
        if self._read_only:
            raise UnavailableError("the ledger was opened to be read", where=str(self._path))
        with self._lock:
            index = self._head.count
            body = _body(entry, index, self._head.digest)
            digest = hashlib.sha256(body).hexdigest()
            line = body + b" " + digest.encode() + b"\n"
            try:
                _write_all(self._file, line, self._size)
                os.fdatasync(self._file)
            except OSError as error:
                self._take_back()
                raise UnavailableError(
                    f"the ledger cannot be written: {error.strerror}", where=str(self._path)
                ) from None
            self._starts.append(self._size)
            self._size += len(line)
            self._head = Head(count=index + 1, digest=digest)
            return index

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        """Return at most ``limit`` entries from ``start``, in order.

        Raises:
            RejectedError: A line cannot be read.
        """
        with self._lock:
            first, last = max(0, start), min(len(self._starts), max(0, start) + max(0, limit))
            found = []
            for index in range(first, last):
                line, _ = self._decode(self._raw(index), index)
                found.append((index, _entry(line)))
            return found

    def verify(self, witnessed: Head | None = None) -> None:
        """Check every line of the file as it is on the disk now, and the witnessed head when one is given.

        Raises:
            RejectedError: A line was altered, removed, inserted or reordered, or the file ends before the witnessed
                head; says at which line.
        """
        with self._lock:
            previous, count = GENESIS, 0
            digest_at = GENESIS if witnessed is not None and witnessed.count == 0 else ""
            for raw in self._lines():
                line, digest = self._decode(raw, count)
                if line.index != count or line.previous != previous:
                    raise RejectedError(
                        "an entry was removed, inserted or reordered", where=f"{self._path}:{count + 1}"
                    )
                previous, count = digest, count + 1
                if witnessed is not None and count == witnessed.count:
                    digest_at = digest
            if witnessed is not None and digest_at != witnessed.digest:
                raise RejectedError(
                    "the ledger is not the one that was witnessed: cut short or written anew",
                    where=f"{self._path}:{witnessed.count}",
                )
            if (count, previous) != (self._head.count, self._head.digest):
                raise RejectedError("the file changed under this process", where=f"{self._path}:{count}")

    def close(self) -> None:
        """Let go of the file and its lock."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _lines(self) -> Iterator[bytes]:
        at, size = 0, self._size if self._read_only else os.fstat(self._file).st_size
        while at < size:
            chunk = os.pread(self._file, MAX_LINE, at)
            cut = chunk.find(b"\n")
            if cut < 0:
                raise RejectedError("bytes that are no entry", where=f"{self._path}@{at}")
            yield chunk[: cut + 1]
            at += cut + 1

    def _decode(self, raw: bytes, index: int) -> tuple[_Line, str]:
        where = f"{self._path}:{index + 1}"
        shape = SHAPE.fullmatch(raw.removesuffix(b"\n"))
        if shape is None or not raw.endswith(b"\n"):
            raise RejectedError("not an entry", where=where)
        digest = hashlib.sha256(shape[1]).hexdigest()
        if digest.encode() != shape[2]:
            raise RejectedError("an entry was altered", where=where)
        try:
            line = msgspec.json.decode(shape[1], type=_Line)
            same = _body(_entry(line), line.index, line.previous) == shape[1]
        except (msgspec.DecodeError, ValueError, BadInputError):
            raise RejectedError("not an entry", where=where) from None
        if not same:
            raise RejectedError("an entry is not in canonical form", where=where)
        return line, digest

    def _raw(self, index: int) -> bytes:
        stop = self._starts[index + 1] if index + 1 < len(self._starts) else self._size
        return os.pread(self._file, stop - self._starts[index], self._starts[index])

    def _read_starts(self) -> tuple[list[int], int]:
        starts, at, size = [0], 0, os.fstat(self._file).st_size
        while at < size:
            chunk = os.pread(self._file, 1 << 20, at)
            place = chunk.find(b"\n")
            while place >= 0:
                starts.append(at + place + 1)
                place = chunk.find(b"\n", place + 1)
            at += len(chunk)
        whole = starts[-1]
        end = self._mend(whole, size) if whole < size and not self._read_only else whole
        if end == whole:
            starts.pop()
        return starts, end

    def _mend(self, whole: int, size: int) -> int:
        """Deal with bytes after the last newline; returns where the whole lines end."""
        tail = os.pread(self._file, min(size - whole, MAX_LINE), whole)
        if SHAPE.match(tail):
            if not SHAPE.fullmatch(tail):  # no crash leaves more than a line without its end
                raise RejectedError("an entry's end was altered", where=f"{self._path}@{whole}")
            _write_all(self._file, b"\n", size)
            os.fdatasync(self._file)
            return size + 1
        self._set_aside(whole, size)
        return whole

    def _set_aside(self, whole: int, size: int) -> None:
        torn = self._path.with_name(self._path.name + ".torn")
        file = os.open(torn, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, os.pread(self._file, min(size - whole, MAX_LINE), whole) + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
        os.ftruncate(self._file, whole)
        os.fsync(self._file)

    def _read_head(self) -> Head:
        if not self._starts:
            return Head(count=0, digest=GENESIS)
        line, digest = self._decode(self._raw(len(self._starts) - 1), len(self._starts) - 1)
        if line.index != len(self._starts) - 1:
            raise RejectedError("an entry was removed or inserted", where=f"{self._path}:{len(self._starts)}")
        return Head(count=len(self._starts), digest=digest)

    def _take_back(self) -> None:
        if self._file < 0:
            return
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            os.close(self._file)  # the tail is unknown: no further entry may follow it
            self._file = -1


def _check(entry: LedgerEntry) -> None:
    check.time_ns(entry.t_ns, "ledger time")
    for name in FIELDS:
        check.text(getattr(entry, name), f"ledger {name}", 2_000)


def _body(entry: LedgerEntry, index: int, previous: str) -> bytes:
    texts = {name: str(getattr(entry, name)) for name in FIELDS}
    # nanoseconds since 1970 do not fit the 53 bits of a canonical number, hence text
    return canonical.encode({"index": index, "previous": previous, "t_ns": str(entry.t_ns), **texts})


def _entry(line: _Line) -> LedgerEntry:
    return LedgerEntry(t_ns=int(line.t_ns), **{name: getattr(line, name) for name in FIELDS})


def _write_all(file: int, data: bytes, at: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], at + done)


def _open_to_write(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if fresh:
        _sync_folder(path.parent)
    return file


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
