"""Sources of whole files: a file, or a folder of them in order of their names, each decoded at once.

A row's ``seq`` is its number in the file. A single file that is replaced by a longer one with the same beginning is read
on. In a folder a file counts as complete when a later one is there and its rows are read; one that cannot be decoded is
then put into quarantine, so that it does not hold up the rest.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.spec import SourceSpec
from mumetal.connect.sources.table import MAX_PIECES
from mumetal.connect.sources.table_columns import FileColumns
from mumetal.connect.sources.table_mapping import TableMapping
from mumetal.connect.sources.tree import Found, files, require, unread
from mumetal.core.delivery import Delivery, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.formats.absent import observed
from mumetal.formats.rows import Refusals, build, usable_times

MAX_FILE = 512 * 2**20
Read = Callable[[Path, str], FileColumns]


class _Cursor(msgspec.Struct, array_like=True):
    """Rows read, the digest of their times (a rewritten file goes on where its beginning is the same), and the file."""

    rows: int = 0
    digest: str = ""
    file: str = ""


class _Table:
    """One version of one file, decoded."""

    def __init__(self, stamp: tuple[int, int, int], t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        self.stamp = stamp
        self.t_ns = t_ns
        self.values = values
        self.channels: tuple[Channel, ...] = ()
        self.refusals = Refusals(where="")


class WholeFileSource:
    """Reads files of at most 512 MiB each.

    Args:
        spec: Place and options ``mapping``, ``device``, ``stream``, ``tz``, ``tenant``.
        suffixes: Which files of a folder are read.
        read: Decodes one file.

    Raises:
        UnavailableError: There is no such file or folder.
        BadInputError: The mapping cannot be used.
    """

    def __init__(self, spec: SourceSpec, suffixes: tuple[str, ...], read: Read) -> None:
        self._spec, self._suffixes, self._read = spec, suffixes, read
        self._place = Path(spec.place)
        require(self._place)
        self._mapping = TableMapping(spec)
        self._table: _Table | None = None

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._spec.name

    def close(self) -> None:
        """Forget the decoded file."""
        self._table = None

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` values after the cursor.

        Raises:
            UnavailableError: The place is away, or what decodes it is not installed.
            BadInputError: The cursor is not this source's, or the only or newest file is no such table.
        """
        try:
            state = msgspec.json.decode(cursor, type=_Cursor) if cursor else _Cursor()
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None
        found = files(self._place, self._suffixes)
        if self._place.is_file():
            return self._rows(found[0], state, limit, "")
        left = [f for f in found if f.relative >= state.file]
        others = unread(self._place, self._suffixes) if not cursor else ()
        if not left:
            return Delivery(source=self.name, tenant=self._spec.tenant, quarantined=others, cursor=cursor)
        state = state if left[0].relative == state.file else _Cursor()
        after = left[1].relative if len(left) > 1 else ""
        try:
            first = self._rows(left[0], state, limit, after)
            return replace(first, quarantined=(*others, *first.quarantined))
        except BadInputError as error:
            if not after:
                raise
            refused = (*others, Quarantined.of(left[0].relative, error.message))
            return self._delivery((), refused, _Cursor(file=after), done=False)

    def _delivery(
        self, data: tuple[Series, ...], refused: tuple[Quarantined, ...], after: _Cursor, *, done: bool
    ) -> Delivery:
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=data,
            quarantined=refused,
            cursor=msgspec.json.encode(after).decode(),
            caught_up=done,
        )

    def _rows(self, file: Found, state: _Cursor, limit: int, later: str) -> Delivery:
        table = self._load(file)
        begin = state.rows if state.digest == _digest(table.t_ns[: state.rows]) else 0
        stop = min(table.t_ns.size, begin + max(1, limit // max(1, len(table.channels))))
        refusals = Refusals(where=file.path.name, limit=MAX_PIECES)
        t_ns = table.t_ns[begin:stop]
        good = usable_times(t_ns)
        for row in np.flatnonzero(~good).tolist():
            refusals.add(f":{begin + row + 1}", "the time is none between 1990 and 2200")
        series = build(
            tenant=self._spec.tenant,
            device=self._mapping.device,
            stream=self._mapping.stream,
            channels=table.channels,
            t_ns=t_ns[good],
            values=table.values[begin:stop][good],
            seq=np.arange(begin + 1, stop + 1, dtype=np.int64)[good],
            refusals=refusals,
        )
        said = table.refusals.all() if begin == 0 else ()
        name = "" if self._place.is_file() else file.relative
        data = () if series is None else (series,)
        ended = stop == table.t_ns.size
        if ended and later:
            after = _Cursor(file=later)
        else:
            after = _Cursor(rows=stop, digest=_digest(table.t_ns[:stop]), file=name)
        return self._delivery(data, (*said, *refusals.all()), after, done=ended and not later)

    def _load(self, file: Found) -> _Table:
        stamp = (file.inode, file.size, file.mtime_ns)
        if self._table is not None and self._table.stamp == stamp:
            return self._table
        where = str(file.path)
        if file.size > MAX_FILE:
            raise BadInputError(f"{file.size} bytes, more than {MAX_FILE}", where=where, hint="split the file")
        refusals = Refusals(where=file.path.name)
        found = self._read(file.path, where)
        for name, reason in found.refused:
            refusals.add(f" {name[:100]}", reason)
        columns = self._mapping.columns(found.names, found.usable, refusals)
        if len(columns.time) > 1:
            raise BadInputError("date and time of day in two columns are read from CSV only", where=where)
        times = found.times(columns.time[0], self._mapping.time, plain_ns=self._mapping.format in {"auto", "ns"})
        values = np.empty((times.size, len(columns.positions)), np.float64)
        kept = zip(columns.positions, columns.channels, columns.conversions, strict=True)
        for column, (position, channel, conversion) in enumerate(kept):
            values[:, column] = observed(found.numbers(position), channel, conversion, refusals)
        table = _Table(stamp, times, values)
        table.channels, table.refusals = columns.channels, refusals
        self._table = table
        return table


def _digest(t_ns: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(t_ns).tobytes()).hexdigest()[:32] if t_ns.size else ""
