"""The cold tier: sorted Parquet, one file per stream, epoch, day and compaction, and one manifest that says what counts.

Everything up to frame ``archived`` is here, everything after it in the hot tier and the log. A compaction writes its
files, makes them durable, then replaces the manifest (that is the step that counts), then deletes from the hot tier,
then drops log segments. A crash before the manifest leaves files nobody names, which the next opening deletes; a crash
after it leaves rows in the hot tier that no reader asks for, which the next opening deletes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from mumetal.connect.stores.disk import Disk
from mumetal.connect.stores.hot import LONG, SAMPLES, SIDES, Epoch, Hot
from mumetal.connect.stores.identity import Key
from mumetal.core.errors import RejectedError, UnavailableError, first_line

DAY_NS = 86_400 * 10**9
MAX_MANIFEST = 1 << 30


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file.

    Args:
        file: Name within the archive.
        table: Kind of rows: a samples table, or ``ranges``, ``events``, ``snapshots``, ``quarantine``.
        key: Tenant, device, stream, epoch of samples; empty for other tables.
        first_ns: Smallest time in it.
        last_ns: Largest time in it.
        rows: How many.
        size: Bytes.
        digest: SHA-256 of the file, hex.
    """

    file: str
    table: str
    key: Key = ("", "", "", "")
    first_ns: int
    last_ns: int
    rows: int
    size: int
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the archive holds.

    Args:
        archived: Last frame that is here.
        generation: How many compactions there were.
        parts: The files that count.
        epochs: Channel maps, so that the hot tier can be made anew.
        cursors: Cursors of the sources as of ``archived`` or later.
    """

    archived: int = 0
    generation: int = 0
    parts: tuple[Part, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    cursors: dict[str, str] = msgspec.field(default_factory=dict)


def column_names(epoch: Epoch) -> list[str]:
    """Return the Parquet columns of a channel map; DuckDB and Spark do not tell upper from lower case, so neither may we."""
    taken = {"t_ns", "seq"}
    names: list[str] = []
    for i, channel in enumerate(epoch.channels):
        name = channel.name if channel.name.lower() not in taken else f"{channel.name}#{i}"
        taken.add(name.lower())
        names.append(name)
    return names


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Archive:
    """The Parquet files in one folder.

    Args:
        folder: Where they lie; created when missing.
        disk: The calls on the operating system.

    Raises:
        RejectedError: The manifest is corrupt, or a file it names is missing.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder, self._disk = folder, disk
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "manifest.json"
        self.manifest = Manifest()
        if self._path.exists():
            try:
                self.manifest = msgspec.json.decode(self._path.read_bytes(), type=Manifest)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise RejectedError(
                    f"the manifest is corrupt: {error}", where=str(self._path), hint="restore it from a copy"
                ) from None
        named = {p.file for p in self.manifest.parts}
        for file in [*folder.glob("*.parquet"), *folder.glob("*.new")]:
            if file.name not in named:
                file.unlink()
        missing = [name for name in named if not (folder / name).exists()]
        if missing:
            raise RejectedError(
                f"{len(missing)} Parquet files are missing, first {missing[0]}",
                where=str(folder),
                hint="restore them from a copy",
            )

    def path(self, part: Part) -> str:
        """Return a part's full path."""
        return str(self._folder / part.file)

    def parts(
        self, table: str, key: Key | None = None, first_ns: int = -(1 << 62), last_ns: int = 1 << 62
    ) -> list[Part]:
        """Return the parts of a table (of a key) that may hold times from ``first_ns`` to ``last_ns``, both included."""
        return [
            p
            for p in self.manifest.parts
            if p.table == table and (key is None or p.key == key) and p.first_ns <= last_ns and p.last_ns >= first_ns
        ]

    def compact(self, hot: Hot, upto: int) -> Manifest:
        """Write every frame past ``archived`` up to ``upto`` as Parquet and return the manifest that would count it.

        Raises:
            UnavailableError: The disk is full or failing; nothing counts.
        """
        generation = self.manifest.generation + 1
        parts: list[Part] = []
        cursor = hot.cursor()
        try:
            for table, key, query, values in _jobs(cursor, hot.epochs.values(), self.manifest.archived, upto):
                parts.append(
                    self._write(cursor, table, key, query, values, f"{generation:08d}-{len(parts):06d}.parquet")
                )
            self._disk.sync_folder(self._folder)
        except (OSError, duckdb.Error) as error:
            raise UnavailableError(f"compaction failed: {first_line(error)}", where=str(self._folder)) from None
        finally:
            cursor.close()
        return Manifest(
            archived=upto,
            generation=generation,
            parts=(*self.manifest.parts, *parts),
            epochs=tuple(sorted(hot.epochs.values(), key=lambda e: e.number)),
            cursors=hot.cursors(),
        )

    def _write(
        self, cursor: duckdb.DuckDBPyConnection, table: str, key: Key, query: str, values: Sequence[Any], name: str
    ) -> Part:
        draft, path = self._folder / (name + ".new"), self._folder / name
        target = str(draft).replace("'", "''")
        cursor.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)", list(values))
        self._disk.sync_file(draft)
        draft.rename(path)
        time = "first_ns" if table == "ranges" else "frame" if table == "quarantine" else "t_ns"
        last = "last_ns" if table == "ranges" else time
        row = cursor.execute(
            f"SELECT min({time}), max({last}), count(*) FROM read_parquet(?)",  # noqa: S608  fixed names
            [str(path)],
        ).fetchone()
        assert row is not None
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Part(
            file=name, table=table, key=key, first_ns=row[0], last_ns=row[1], rows=row[2],
            size=path.stat().st_size, digest=digest,
        )  # fmt: skip

    def count(self, manifest: Manifest) -> None:
        """Make ``manifest`` the one that counts.

        Raises:
            UnavailableError: The disk is full or failing; the old one counts.
        """
        try:
            self._disk.replace(self._path, msgspec.json.encode(manifest))
        except OSError as error:
            raise UnavailableError(f"no new manifest: {error.strerror}", where=str(self._path)) from None
        self.manifest = manifest

    def expire(self, before_ns: int) -> int:
        """Delete the files whose newest row is older than ``before_ns``; return how many."""
        old = [p for p in self.manifest.parts if p.table != "quarantine" and p.last_ns < before_ns]
        if not old:
            return 0
        gone = {p.file for p in old}
        self.count(
            msgspec.structs.replace(self.manifest, parts=tuple(p for p in self.manifest.parts if p.file not in gone))
        )
        for part in old:
            (self._folder / part.file).unlink(missing_ok=True)
        return len(old)

    def verify(self) -> None:
        """Check every file against the manifest's digest.

        Raises:
            RejectedError: A file was altered.
        """
        for part in self.manifest.parts:
            with (self._folder / part.file).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != part.digest:
                    raise RejectedError(
                        "a Parquet file is not what was written", where=part.file, hint="restore it from a copy"
                    )


def _jobs(
    cursor: duckdb.DuckDBPyConnection, epochs: Iterable[Epoch], after: int, upto: int
) -> Iterator[tuple[str, Key, str, list[int]]]:
    """Yield what to write: table, key, query and its values."""
    by_number = {e.number: e for e in epochs}
    for table in SAMPLES:
        days = cursor.execute(
            f"SELECT DISTINCT stream, t_ns // {DAY_NS} FROM {table} WHERE frame > ? AND frame <= ? ORDER BY ALL",  # noqa: S608
            [after, upto],
        ).fetchall()
        for number, day in days:
            epoch = by_number[number]
            if epoch.layout == LONG:
                columns = "t_ns, seq, channel, value"
            else:
                columns = "t_ns, seq, " + ", ".join(
                    f"v[{i + 1}] AS {quoted(n)}" for i, n in enumerate(column_names(epoch))
                )
            order = "t_ns, seq, channel" if epoch.layout == LONG else "t_ns, seq"
            query = (
                f"SELECT {columns} FROM {table} WHERE frame > ? AND frame <= ? AND stream = ? "  # noqa: S608  fixed names
                f"AND t_ns >= ? AND t_ns < ? ORDER BY {order}"
            )
            yield table, epoch.key, query, [after, upto, number, day * DAY_NS, (day + 1) * DAY_NS]
    for table in SIDES:
        where = f"FROM {table} WHERE frame > ? AND frame <= ?"
        row = cursor.execute(f"SELECT count(*) {where}", [after, upto]).fetchone()
        if row and row[0]:
            yield table, ("", "", "", ""), f"SELECT * {where}", [after, upto]
