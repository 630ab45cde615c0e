"""The hot tier: a DuckDB file that answers questions fast and can be deleted, for the log fills it again.

Tables by padded channel count (8, 16, 32, 64) with a fixed-size array column; a long table, one row per observed value,
for wider or sparse series (a sample without any observed value is kept as channel -1). One thread writes, readers have
cursors of their own: a `register()` on a connection with an unfinished fetch raises (DuckDB 2.0).
Nothing here needs to survive a power cut, so pages are written uncompressed and checkpoints are rare.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import arro3.core as ac
import duckdb
import msgspec
import numpy as np

from mumetal.connect.stores.disk import damaged_mark
from mumetal.connect.stores.identity import Key, fingerprint, key_of
from mumetal.core.delivery import Delivery
from mumetal.core.errors import UnavailableError, first_line
from mumetal.core.event import Event
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot

DAMAGED = "Corrupt database file"
VERSION = 1
WIDTHS = (8, 16, 32, 64)
LONG = 0
SPARSE = 0.5
SETUP = (
    "SET memory_limit='{memory} MiB'",
    "SET threads=2",
    "SET preserve_insertion_order=true",
    "SET enable_progress_bar=false",
    "SET autoinstall_known_extensions=false",
    "SET autoload_known_extensions=false",
    "SET force_compression='uncompressed'",
    "SET wal_autocheckpoint='256 MiB'",
    "SET temp_directory='{temp}'",
)
SCHEMA = (
    "CREATE TABLE meta(name VARCHAR, value BIGINT)",
    "CREATE TABLE epochs(id INTEGER, tenant VARCHAR, device VARCHAR, stream VARCHAR, epoch VARCHAR, layout INTEGER, channels BLOB)",
    *(
        f"CREATE TABLE samples_{w}(stream INTEGER, frame BIGINT, t_ns BIGINT, seq BIGINT, v DOUBLE[{w}])"
        for w in WIDTHS
    ),
    "CREATE TABLE samples_long(stream INTEGER, frame BIGINT, t_ns BIGINT, seq BIGINT, channel INTEGER, value DOUBLE)",
    "CREATE TABLE ranges(frame BIGINT, digest VARCHAR, tenant VARCHAR, device VARCHAR, stream VARCHAR, epoch VARCHAR,"
    " first_ns BIGINT, last_ns BIGINT, n BIGINT, late BIGINT)",
    "CREATE TABLE events(frame BIGINT, tenant VARCHAR, device VARCHAR, t_ns BIGINT, print BIGINT, body BLOB)",
    "CREATE TABLE snapshots(frame BIGINT, tenant VARCHAR, device VARCHAR, t_ns BIGINT, print BIGINT, body BLOB)",
    "CREATE TABLE quarantine(frame BIGINT, tenant VARCHAR, nr INTEGER, body BLOB)",
    "CREATE TABLE cursors(source VARCHAR PRIMARY KEY, cursor VARCHAR)",
)
SAMPLES = (*(f"samples_{w}" for w in WIDTHS), "samples_long")
SIDES = ("ranges", "events", "snapshots", "quarantine")


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """One channel map of one stream, and how its samples are laid out.

    Args:
        number: Small number that stands for the key in the tables.
        key: Tenant, device, stream, epoch id.
        layout: Padded channel count, or 0 for the long table.
        channels: The channel map as last delivered.
    """

    number: int
    key: Key
    layout: int
    channels: tuple[Channel, ...]

    @property
    def table(self) -> str:
        """Table that holds its samples."""
        return f"samples_{self.layout}" if self.layout else "samples_long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One frame on its way into the hot tier.

    Args:
        sequence: Frame's sequence.
        digest: SHA-256 hex of its body.
        delivery: What it holds; no repeats.
        late: Late rows for each series, in order; zeros when replayed from the log.
        size: Bytes it takes in the queue.
    """

    sequence: int
    digest: str
    delivery: Delivery
    late: tuple[int, ...] = ()
    size: int = 0

    @property
    def rows(self) -> int:
        """Samples, events and snapshots in it."""
        return sum(len(d) if isinstance(d, Series) else 1 for d in self.delivery.data)

    @property
    def series(self) -> list[Series]:
        """The series among its data."""
        return [d for d in self.delivery.data if isinstance(d, Series)]


def _ints(values: Sequence[int], dtype: type[np.generic] = np.int64) -> ac.Array:
    return ac.Array.from_numpy(np.array(values, dtype))


def _texts(values: Sequence[str]) -> ac.Array:
    return ac.Array(list(values), ac.DataType.utf8())


def _blobs(values: Sequence[bytes]) -> ac.Array:
    return ac.Array(list(values), ac.DataType.binary())


class Hot:
    """The hot tier's one writer.

    Args:
        path: The DuckDB file; made when missing.
        memory_mib: Most memory DuckDB may take, MiB.

    Raises:
        UnavailableError: The file is not a hot tier of this version; the owner deletes it and fills it again.
    """

    def __init__(self, path: Path, memory_mib: int = 192) -> None:
        self._path = path
        connection: duckdb.DuckDBPyConnection | None = None
        try:
            self._writer = connection = duckdb.connect(str(path))
            temp = str(path.with_suffix(".tmp")).replace("'", "''")
            for line in SETUP:
                self._writer.execute(line.format(memory=memory_mib, temp=temp))
            if not self._writer.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'meta'").fetchone():
                self._make()
            if self._meta("version") != VERSION:
                raise UnavailableError("the hot tier has another version", where=str(path))
            self.epochs = {e.key: e for e in self._load_epochs()}
            self.committed = self._meta("committed")
        except (duckdb.Error, msgspec.DecodeError) as error:
            if connection is not None:
                connection.close()  # DuckDB would hand the same broken instance out for the same file
            raise UnavailableError(f"the hot tier cannot be read: {first_line(error)}", where=str(path)) from None

    def note(self, error: duckdb.Error) -> str:
        """Mark the file as damaged where an error says so, and return what to do."""
        if not isinstance(error, duckdb.FatalException | duckdb.InternalException) and DAMAGED not in str(error):
            return "try again"
        damaged_mark(self._path).touch()
        return "start again: the hot tier is damaged, and is then made anew from the log"

    def _make(self) -> None:
        self._writer.execute("BEGIN")
        for line in SCHEMA:
            self._writer.execute(line)
        self._writer.execute("INSERT INTO meta VALUES ('version', ?), ('committed', 0), ('archived', 0)", [VERSION])
        self._writer.execute("COMMIT")

    def _meta(self, name: str) -> int:
        row = self._writer.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return int(row[0]) if row else -1

    def _load_epochs(self) -> list[Epoch]:
        rows = self._writer.execute("SELECT id, tenant, device, stream, epoch, layout, channels FROM epochs").fetchall()
        decoder = msgspec.msgpack.Decoder(tuple[Channel, ...])
        return [
            Epoch(number=r[0], key=(r[1], r[2], r[3], r[4]), layout=r[5], channels=decoder.decode(r[6])) for r in rows
        ]

    @property
    def archived(self) -> int:
        """Frame up to which everything was moved to Parquet and deleted here."""
        return self._meta("archived")

    def seed(self, epochs: Sequence[Epoch], cursors: dict[str, str], archived: int) -> None:
        """Take over what the archive knows; only on an empty hot tier."""
        self._writer.execute("BEGIN")
        for epoch in epochs:
            self._add_epoch(epoch)
        for source, cursor in cursors.items():
            self._writer.execute("INSERT INTO cursors VALUES (?, ?)", [source, cursor])
        self._writer.execute("UPDATE meta SET value = ? WHERE name IN ('committed', 'archived')", [archived])
        self._writer.execute("COMMIT")
        self.epochs = {e.key: e for e in epochs}
        self.committed = archived

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of the caller's own for reading."""
        return self._writer.cursor()

    def cursors(self) -> dict[str, str]:
        """Return the last committed cursor of every source."""
        reader = self.cursor()
        try:
            return dict(reader.execute("SELECT source, cursor FROM cursors").fetchall())
        finally:
            reader.close()

    def commit(self, records: Sequence[Record]) -> None:
        """Write records, in order, as one.

        Raises:
            UnavailableError: DuckDB could not; nothing of it is there.
        """
        records = [r for r in records if r.sequence > self.committed]
        if not records:
            return
        known = dict(self.epochs)
        try:
            self._writer.execute("BEGIN")
            self._write_samples(records)
            self._write_sides(records)
            cursors = {r.delivery.source: r.delivery.cursor for r in records if r.delivery.cursor}
            for source, cursor in cursors.items():
                self._writer.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", [source, cursor])
            self._writer.execute("UPDATE meta SET value = ? WHERE name = 'committed'", [records[-1].sequence])
            self._writer.execute("COMMIT")
        except duckdb.Error as error:
            self.epochs = known
            self.note(error)
            self._roll_back()
            raise UnavailableError(
                f"the hot tier cannot be written: {first_line(error)}", where=str(self._path)
            ) from None
        self.committed = records[-1].sequence

    def _roll_back(self) -> None:
        try:
            self._writer.execute("ROLLBACK")
        except duckdb.Error:
            # The connection or the whole instance is gone: what is committed lies in the file, so open it anew.
            self._writer.close()
            self._writer = duckdb.connect(str(self._path))

    def _add_epoch(self, epoch: Epoch) -> None:
        self._writer.execute("DELETE FROM epochs WHERE id = ?", [epoch.number])
        self._writer.execute(
            "INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?)",
            [epoch.number, *epoch.key, epoch.layout, msgspec.msgpack.encode(epoch.channels)],
        )

    def _epoch(self, series: Series) -> Epoch:
        key = key_of(series)
        known = self.epochs.get(key)
        if known is not None and (known.channels is series.channels or known.channels == series.channels):
            return known
        if known is not None:
            epoch = msgspec.structs.replace(known, channels=series.channels)
        else:
            layout = next((w for w in WIDTHS if w >= len(series.channels)), LONG)
            if layout > WIDTHS[0] and float(np.isnan(series.values).mean()) > SPARSE:
                layout = LONG
            number = 1 + max((e.number for e in self.epochs.values()), default=0)
            epoch = Epoch(number=number, key=key, layout=layout, channels=series.channels)
        self._add_epoch(epoch)
        self.epochs = {**self.epochs, key: epoch}
        return epoch

    def _insert(self, table: str, columns: dict[str, ac.Array]) -> None:
        # The name must be a fresh one: DuckDB keeps the plan's view of an earlier table of the same name.
        self._writer.register("arriving", ac.Table.from_arrays(list(columns.values()), names=list(columns)))
        try:
            self._writer.execute(f"INSERT INTO {table} BY NAME SELECT * FROM arriving")  # noqa: S608  fixed names
        finally:
            self._writer.unregister("arriving")

    def _write_samples(self, records: Sequence[Record]) -> None:
        piles: dict[int, list[tuple[int, int, Series]]] = {}
        for record in records:
            for series in record.series:
                epoch = self._epoch(series)
                piles.setdefault(epoch.layout, []).append((epoch.number, record.sequence, series))
        for layout, pile in piles.items():
            if layout == LONG:
                self._insert("samples_long", _long(pile))
            else:
                self._insert(f"samples_{layout}", _wide(pile, layout))

    def _write_sides(self, records: Sequence[Record]) -> None:
        ranges = [
            (r.sequence, r.digest, *key_of(s), int(s.t_ns[0]), int(s.t_ns[-1]), len(s), late)
            for r in records
            for s, late in zip(r.series, r.late or (0,) * len(r.series), strict=True)
        ]
        if ranges:
            names = ("frame", "digest", "tenant", "device", "stream", "epoch", "first_ns", "last_ns", "n", "late")
            columns = list(zip(*ranges, strict=True))
            self._insert(
                "ranges",
                {n: (_texts if 1 <= i <= 5 else _ints)(c) for i, (n, c) in enumerate(zip(names, columns, strict=True))},
            )
        for table, kind in (("events", Event), ("snapshots", DeviceSnapshot)):
            rows = [(r.sequence, d) for r in records for d in r.delivery.data if isinstance(d, kind)]
            if rows:
                self._insert(
                    table,
                    {
                        "frame": _ints([f for f, _ in rows]),
                        "tenant": _texts([d.tenant for _, d in rows]),
                        "device": _texts([d.device for _, d in rows]),
                        "t_ns": _ints([d.t_ns for _, d in rows]),
                        "print": _ints([fingerprint(d) for _, d in rows]),
                        "body": _blobs([msgspec.msgpack.encode(d) for _, d in rows]),
                    },
                )
        refused = [(r, i, q) for r in records for i, q in enumerate(r.delivery.quarantined)]
        if refused:
            self._insert(
                "quarantine",
                {
                    "frame": _ints([r.sequence for r, _, _ in refused]),
                    "tenant": _texts([r.delivery.tenant for r, _, _ in refused]),
                    "nr": _ints([i for _, i, _ in refused], np.int32),
                    "body": _blobs([msgspec.msgpack.encode(q) for _, _, q in refused]),
                },
            )

    def forget(self, upto: int) -> None:
        """Delete every frame up to ``upto``: it is in Parquet.

        Raises:
            UnavailableError: DuckDB could not; nothing was deleted.
        """
        try:
            self._writer.execute("BEGIN")
            for table in (*SAMPLES, *SIDES):
                self._writer.execute(f"DELETE FROM {table} WHERE frame <= ?", [upto])  # noqa: S608  fixed names
            self._writer.execute("UPDATE meta SET value = ? WHERE name = 'archived'", [upto])
            self._writer.execute("COMMIT")
        except duckdb.Error as error:
            self._roll_back()
            raise UnavailableError(
                f"the hot tier cannot be thinned: {first_line(error)}", where=str(self._path)
            ) from None
        # A reader may hold an older snapshot; the pages are then given back at a later checkpoint.
        with contextlib.suppress(duckdb.Error):
            self._writer.execute("CHECKPOINT")

    def close(self) -> None:
        """Let go of the file."""
        # A checkpoint that fails (a full disk) loses nothing: the next opening goes on from DuckDB's own log, or ours.
        with contextlib.suppress(duckdb.Error):
            self._writer.close()


def _wide(pile: Sequence[tuple[int, int, Series]], width: int) -> dict[str, ac.Array]:
    rows = sum(len(s) for _, _, s in pile)
    if len(pile) == 1 and pile[0][2].values.shape[1] == width:
        values = pile[0][2].values
    else:
        values = np.empty((rows, width))
        at = 0
        for _, _, series in pile:
            block = values[at : at + len(series)]
            block[:, : series.values.shape[1]] = series.values
            block[:, series.values.shape[1] :] = np.nan
            at += len(series)
    counts = [len(s) for _, _, s in pile]
    return {
        "stream": ac.Array.from_numpy(np.repeat(np.array([n for n, _, _ in pile], np.int32), counts)),
        "frame": ac.Array.from_numpy(np.repeat(np.array([f for _, f, _ in pile], np.int64), counts)),
        "t_ns": ac.Array.from_numpy(np.concatenate([s.t_ns for _, _, s in pile])),
        "seq": ac.Array.from_numpy(np.concatenate([s.seq for _, _, s in pile])),
        "v": ac.fixed_size_list_array(ac.Array.from_numpy(values.reshape(-1)), width),
    }


def _long(pile: Sequence[tuple[int, int, Series]]) -> dict[str, ac.Array]:
    parts: list[tuple[np.ndarray, ...]] = []
    for number, frame, series in pile:
        row, channel = np.nonzero(~np.isnan(series.values))
        value = series.values[row, channel]
        bare = np.setdiff1d(np.arange(len(series)), row)
        row = np.concatenate([row, bare])
        channel = np.concatenate([channel, np.full(bare.size, -1)])
        value = np.concatenate([value, np.full(bare.size, np.nan)])
        n = row.size
        parts.append(
            (
                np.full(n, number, np.int32),
                np.full(n, frame),
                series.t_ns[row],
                series.seq[row],
                channel.astype(np.int32),
                value,
            )
        )
    names = ("stream", "frame", "t_ns", "seq", "channel", "value")
    return {
        name: ac.Array.from_numpy(np.concatenate(c)) for name, c in zip(names, zip(*parts, strict=True), strict=True)
    }
