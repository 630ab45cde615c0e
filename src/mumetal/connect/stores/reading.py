"""Questions to both tiers at once: the hot tier's rows past the archived frame, and the Parquet of everything before.

Samples come in chunks of about 65,536 rows, each its own finished query: no cursor stays open between two chunks, and a
compaction in between moves rows from one tier to the other without losing or doubling one.
"""

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import arro3.core as ac
import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.connect.stores.archive import Archive, column_names, quoted
from mumetal.connect.stores.hot import LONG, Epoch, Hot
from mumetal.connect.stores.identity import Ints, Key
from mumetal.connect.stores.payload import flat, floats, ints
from mumetal.connect.stores.thin import thinned
from mumetal.core.artefact import Evidence
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import UnavailableError, first_line
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot

CHUNK_ROWS = 65_536
CHUNK_VALUES = 1 << 22
Question = tuple[str, list[Any]]
EARLIEST, LATEST = -(1 << 62), 1 << 62


class Reader:
    """Reads both tiers; safe from any thread.

    Args:
        hot: The hot tier.
        archive: The Parquet.
        swap: Held while the two change hands, and here while a query takes its snapshot of both.
    """

    def __init__(self, hot: Hot, archive: Archive, swap: threading.RLock) -> None:
        self._hot, self._archive, self._swap = hot, archive, swap

    @contextmanager
    def _asking(
        self, outer: str, both: Callable[[], Question], more: tuple[Any, ...]
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, Question]]:
        """Yield a cursor and what to ask it: ``outer`` with ``BOTH`` replaced, and all values.

        The cursor's snapshot fits the manifest that ``both`` saw; only taking the two needs the lock.
        """
        cursor = self._hot.cursor()
        try:
            with self._swap:
                cursor.begin()
                cursor.execute("SELECT value FROM meta LIMIT 1").fetchall()  # DuckDB takes its snapshot at first use
                inner, values = both()
            yield cursor, (outer.replace("BOTH", inner), [*values, *more])
        except duckdb.Error as error:
            hint = self._hot.note(error)
            raise UnavailableError(f"the store cannot be read: {first_line(error)}", hint=hint) from None
        finally:
            cursor.close()

    def _rows(self, outer: str, both: Callable[[], Question], *more: object) -> list[tuple[Any, ...]]:
        with self._asking(outer, both, more) as (cursor, (query, values)):
            return cursor.execute(query, values).fetchall()

    def _table(self, outer: str, both: Callable[[], Question]) -> ac.Table:
        with self._asking(outer, both, ()) as (cursor, (query, values)):
            return ac.Table.from_arrow(cursor.sql(query, params=values))

    def _both(self, columns: str, table: str, first_ns: int = EARLIEST, last_ns: int = LATEST) -> Question:
        """Return a query over a table of both tiers, and its values; the times only choose Parquet files."""
        query = f"SELECT {columns} FROM {table} WHERE frame > ?"  # noqa: S608  fixed names
        values: list[Any] = [self._archive.manifest.archived]
        if parts := self._archive.parts(table, None, first_ns, last_ns):
            query += f" UNION ALL SELECT {columns} FROM read_parquet(?)"  # noqa: S608
            values.append([self._archive.path(p) for p in parts])
        return query, values

    def _samples(self, epoch: Epoch, start_ns: int, stop_ns: int, *, bare: bool) -> Question:
        """Return a query over an epoch's samples; ``bare`` for their identities only."""
        parts = self._archive.parts(epoch.table, epoch.key, start_ns, stop_ns - 1)
        if epoch.layout == LONG:
            columns = cold = "t_ns, seq" if bare else "t_ns, seq, channel::BIGINT AS channel, value"
        elif bare:
            columns = cold = "t_ns, seq"
        else:
            columns = "t_ns, seq, v"
            padding = ["'nan'::DOUBLE"] * (epoch.layout - len(epoch.channels))
            cold = f"t_ns, seq, array_value({', '.join([*map(quoted, column_names(epoch)), *padding])}) AS v"
        time = "t_ns >= ? AND t_ns < ?"
        query = f"SELECT {columns} FROM {epoch.table} WHERE stream = ? AND frame > ? AND {time}"  # noqa: S608
        values: list[Any] = [epoch.number, self._archive.manifest.archived, start_ns, stop_ns]
        if parts:
            query += f" UNION ALL SELECT {cold} FROM read_parquet(?) WHERE {time}"  # noqa: S608
            values += [[self._archive.path(p) for p in parts], start_ns, stop_ns]
        return query, values

    def identities(self, key: Key, first_ns: int, last_ns: int) -> tuple[Ints, Ints]:
        """Return ``t_ns`` and ``seq`` of the samples of a key between two times, both included, in order."""
        epoch = self._hot.epochs.get(key)
        if epoch is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        table = self._table(
            "SELECT DISTINCT t_ns, seq FROM (BOTH) ORDER BY t_ns, seq",
            lambda: self._samples(epoch, first_ns, last_ns + 1, bare=True),
        )
        return ints(table, "t_ns"), ints(table, "seq")

    def epochs(self, tenant: str, device: str, stream: str) -> list[Epoch]:
        """Return a stream's channel maps, in order of appearance."""
        found = [e for e in self._hot.epochs.values() if e.key[:3] == (tenant, device, stream)]
        return sorted(found, key=lambda e: e.number)

    def extent(self, epoch: Epoch, start_ns: int, stop_ns: int) -> tuple[int, int, int]:
        """Return how many table rows an epoch has in a range, and the first and last time."""
        [(n, first, last)] = self._rows(
            "SELECT count(*), min(t_ns), max(t_ns) FROM (BOTH)",
            lambda: self._samples(epoch, start_ns, stop_ns, bare=True),
        )
        return int(n), int(first or 0), int(last or 0)

    def series(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Iterator[Series]:
        """Yield a stream's samples, epoch by epoch in order of their first row, in chunks."""
        ordered = sorted(
            (
                (first, n, e)
                for e in self.epochs(tenant, device, stream)
                for n, first, _ in [self.extent(e, start_ns, stop_ns)]
                if n
            ),
            key=lambda found: found[0],
        )
        for _, n, epoch in ordered:
            yield from self.chunks(epoch, start_ns, stop_ns, n)

    def chunks(self, epoch: Epoch, start_ns: int, stop_ns: int, n: int) -> Iterator[Series]:
        """Yield an epoch's samples in a range that has ``n`` table rows."""
        tenant, device, stream, _ = epoch.key
        for first, stop in self._cuts(epoch, start_ns, stop_ns, n):
            t_ns, seq, values = self.fetch(epoch, first, stop)
            if t_ns.size:
                yield Series(
                    tenant=tenant, device=device, stream=stream, channels=epoch.channels,
                    t_ns=t_ns, seq=seq, values=values,
                )  # fmt: skip

    def thinned(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int) -> list[Series]:
        """Return samples thinned to about ``points`` rows per epoch, keeping every channel's extremes."""
        out: list[Series] = []
        for epoch in self.epochs(tenant, device, stream):
            rows, first, last = self.extent(epoch, start_ns, stop_ns)
            if rows:
                out += thinned(self.chunks(epoch, first, last + 1, rows), rows, first, last, points)
        return sorted(out, key=lambda s: int(s.t_ns[0]))

    def _cuts(self, epoch: Epoch, start_ns: int, stop_ns: int, n: int) -> list[tuple[int, int]]:
        """Return time ranges of about a chunk each that cover a range."""
        size = CHUNK_VALUES // 4 if epoch.layout == LONG else min(CHUNK_ROWS, CHUNK_VALUES // epoch.layout)
        if n <= size * 5 // 4:
            return [(start_ns, stop_ns)]
        marks = self._rows(
            f"SELECT DISTINCT min(t_ns) FROM (SELECT t_ns, (row_number() OVER (ORDER BY t_ns) - 1) // {size} AS nr"  # noqa: S608
            " FROM (BOTH)) GROUP BY nr ORDER BY 1",
            lambda: self._samples(epoch, start_ns, stop_ns, bare=True),
        )
        edges = [start_ns, *(int(m[0]) for m in marks[1:]), stop_ns]
        return list(itertools.pairwise(edges))

    def fetch(self, epoch: Epoch, start_ns: int, stop_ns: int) -> tuple[Ints, Ints, NDArray[np.float64]]:
        """Return an epoch's ``t_ns`` (n,), ``seq`` (n,) and values (n, C) in a range, in order."""
        table = self._table(
            "BOTH ORDER BY ALL" if epoch.layout == LONG else "BOTH ORDER BY t_ns, seq",
            lambda: self._samples(epoch, start_ns, stop_ns, bare=False),
        )
        t_ns, seq = ints(table, "t_ns"), ints(table, "seq")
        if epoch.layout != LONG:
            v = flat(table, "v").reshape(-1, epoch.layout)
            return t_ns, seq, np.ascontiguousarray(v[:, : len(epoch.channels)])
        return _pivot(t_ns, seq, ints(table, "channel"), floats(table, "value"), len(epoch.channels))

    def events(self, tenant: str, start_ns: int, stop_ns: int, limit: int) -> list[Event]:
        """Return a tenant's events in order of time."""
        rows = self._rows(
            "SELECT body FROM (BOTH) WHERE tenant = ? AND t_ns >= ? AND t_ns < ? ORDER BY t_ns, frame LIMIT ?",
            lambda: self._both("tenant, t_ns, frame, body", "events", start_ns, stop_ns - 1),
            tenant, start_ns, stop_ns, limit,
        )  # fmt: skip
        decoder = msgspec.msgpack.Decoder(Event)
        return [decoder.decode(r[0]) for r in rows]

    def calibrated(self) -> list[tuple[str, str]]:
        """Return every (tenant, device) that has snapshots, in order."""
        rows = self._rows(
            "SELECT DISTINCT tenant, device FROM (BOTH) ORDER BY ALL", lambda: self._both("tenant, device", "snapshots")
        )
        return [(r[0], r[1]) for r in rows]

    def snapshots(self, tenant: str, device: str, limit: int, until_ns: int) -> list[DeviceSnapshot]:
        """Return a device's newest snapshots before ``until_ns``, oldest first."""
        rows = self._rows(
            "SELECT body FROM (BOTH) WHERE tenant = ? AND device = ? AND t_ns < ? ORDER BY t_ns DESC LIMIT ?",
            lambda: self._both("tenant, device, t_ns, body", "snapshots"),
            tenant, device, until_ns, limit,
        )  # fmt: skip
        decoder = msgspec.msgpack.Decoder(DeviceSnapshot)
        return [decoder.decode(r[0]) for r in reversed(rows)]

    def quarantine(self, tenant: str, limit: int) -> list[Quarantined]:
        """Return what was refused, newest first."""
        rows = self._rows(
            "SELECT body FROM (BOTH) WHERE tenant = ? ORDER BY frame DESC, nr DESC LIMIT ?",
            lambda: self._both("tenant, frame, nr, body", "quarantine"),
            tenant, limit,
        )  # fmt: skip
        decoder = msgspec.msgpack.Decoder(Quarantined)
        return [decoder.decode(r[0]) for r in rows]

    def evidence(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Evidence:
        """Point at a range; the digest is SHA-256 over the hex digests of the frames that reach into it, one a line."""
        columns = "frame, digest, tenant, device, stream, first_ns, last_ns"
        rows = self._rows(
            "SELECT DISTINCT frame, digest FROM (BOTH) WHERE tenant = ? AND device = ? AND stream = ?"
            " AND first_ns < ? AND last_ns >= ? ORDER BY frame",
            lambda: self._both(columns, "ranges", start_ns, stop_ns - 1),
            tenant, device, stream, stop_ns, start_ns,
        )  # fmt: skip
        note = f"{len(rows)} log frames" + (f", {rows[0][0]} to {rows[-1][0]}" if rows else "")
        digest = hashlib.sha256("".join(f"{r[1]}\n" for r in rows).encode()).hexdigest() if rows else ""
        return Evidence.of_series(device, stream, start_ns, stop_ns, digest=digest, note=note)

    def covered(self) -> list[tuple[Key, int, int]]:
        """Return the hours each key has samples in, as (key, first, last) times."""
        rows = self._rows(
            "SELECT tenant, device, stream, epoch, min(first_ns), max(last_ns) "
            "FROM (BOTH) GROUP BY 1, 2, 3, 4, first_ns // 3600000000000",
            lambda: self._both("tenant, device, stream, epoch, first_ns, last_ns", "ranges"),
        )
        return [((r[0], r[1], r[2], r[3]), int(r[4]), int(r[5])) for r in rows]

    def prints(self) -> NDArray[np.int64]:
        """Return the fingerprints of all events and snapshots."""
        tables = [self._table("BOTH", partial(self._both, "print", t)) for t in ("events", "snapshots")]
        return np.concatenate([ints(table, "print") for table in tables])


def _pivot(
    t_ns: Ints, seq: Ints, channel: Ints, value: NDArray[np.float64], width: int
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Turn long rows, in order, into samples of ``width`` channels."""
    if not t_ns.size:
        return t_ns, seq, np.empty((0, width))
    new = np.r_[True, (np.diff(t_ns) != 0) | (np.diff(seq) != 0)]
    row = np.cumsum(new) - 1
    values = np.full((int(row[-1]) + 1, width), np.nan)
    there = channel >= 0
    values[row[there], channel[there]] = value[there]
    return t_ns[new], seq[new], values
