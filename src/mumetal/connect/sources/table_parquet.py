"""Parquet files by a mapping (the ``server`` extra). A row's ``seq`` is its number in the file."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.table import MAX_PIECES, OPTIONS
from mumetal.connect.sources.table_mapping import TableMapping
from mumetal.connect.sources.tree import Found, files, require
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.series import Channel
from mumetal.formats.rows import Refusals, build, usable_times

MAX_FILE = 512 * 2**20
IMPOSSIBLE = -(2**63)


class _Cursor(msgspec.Struct, array_like=True):
    """Rows read, and the digest of their times: a rewritten file goes on where its beginning is the same."""

    rows: int = 0
    digest: str = ""


class _Table:
    """One version of the file, decoded."""

    def __init__(self, stamp: tuple[int, int, int], t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        self.stamp = stamp
        self.t_ns = t_ns
        self.values = values
        self.channels: tuple[Channel, ...] = ()
        self.refusals = Refusals(where="")


class ParquetSource:
    """Reads one Parquet file of at most 512 MiB; a file that is replaced by a longer one is read on.

    Args:
        spec: Place and options ``mapping``, ``device``, ``stream``, ``tz``, ``tenant``.

    Raises:
        UnavailableError: There is no such file, or the ``server`` extra is not installed.
        BadInputError: The mapping cannot be used.
    """

    info = PluginInfo(
        plugin_id="connect.sources.table.parquet", title="Parquet file", reference="Apache Parquet format 2"
    )

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._place = Path(spec.place)
        require(self._place, folder=False)
        self._mapping = TableMapping(spec)
        self._table: _Table | None = None

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._spec.name

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` values after the cursor.

        Raises:
            UnavailableError: The file is away.
            BadInputError: The cursor is not this source's, or the file is no such table.
        """
        try:
            state = msgspec.json.decode(cursor, type=_Cursor) if cursor else _Cursor()
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None
        table = self._load(files(self._place)[0])
        begin = state.rows if state.digest == _digest(table.t_ns[: state.rows]) else 0
        stop = min(table.t_ns.size, begin + max(1, limit // max(1, len(table.channels))))
        refusals = Refusals(where=self._place.name, limit=MAX_PIECES)
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
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=() if series is None else (series,),
            quarantined=(*said, *refusals.all()),
            cursor=msgspec.json.encode(_Cursor(rows=stop, digest=_digest(table.t_ns[:stop]))).decode(),
            caught_up=stop == table.t_ns.size,
        )

    def close(self) -> None:
        """Forget the decoded file."""
        self._table = None

    def _load(self, file: Found) -> _Table:
        stamp = (file.inode, file.size, file.mtime_ns)
        if self._table is not None and self._table.stamp == stamp:
            return self._table
        if file.size > MAX_FILE:
            raise BadInputError(f"{file.size} bytes, more than {MAX_FILE}", where=str(self._place))
        try:
            from mumetal.connect.sources.parquet_columns import read_columns
        except ImportError:
            raise UnavailableError(
                "reading Parquet needs arro3", where=self.name, hint="pip install 'mumetal[server]'"
            ) from None
        refusals = Refusals(where=self._place.name)
        found = read_columns(self._place, str(self._place))
        columns = self._mapping.columns(found.names, found.usable, refusals)
        times = found.times(columns.time, self._mapping.time)
        values = np.empty((times.size, len(columns.positions)), np.float64)
        for column, (position, conversion) in enumerate(zip(columns.positions, columns.conversions, strict=True)):
            values[:, column] = conversion.array(found.numbers(position))
        table = _Table(stamp, times, values)
        table.channels, table.refusals = columns.channels, refusals
        self._table = table
        return table


def _digest(t_ns: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(t_ns).tobytes()).hexdigest()[:32] if t_ns.size else ""


def _open(spec: SourceSpec) -> Source:
    return ParquetSource(spec)


FACTORY = SourceFactory(
    info=ParquetSource.info, example="parquet:archive.parquet?device=fridge-1", options=OPTIONS, open=_open
)
