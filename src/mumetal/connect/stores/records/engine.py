"""The database's engine and its transactions: SQLite here, PostgreSQL by the same code."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc
from sqlalchemy.dialects import postgresql, sqlite

from mumetal.core.errors import BadInputError, UnavailableError


def open_engine(url: str) -> Engine:
    """Open a database: SQLite (readable by its owner only) or what else SQLAlchemy reaches.

    Raises:
        BadInputError: It cannot be opened.
    """
    try:
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
        engine = create_engine(url)
    except (OSError, exc.ArgumentError, exc.NoSuchModuleError) as error:
        raise BadInputError(
            f"cannot open the incident store: {error}", where=told(url), hint="name a folder that can be written"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def told(url: str) -> str:
    """Return a database's URL without a password."""
    return url.rsplit("@", maxsplit=1)[-1].removeprefix("sqlite:///")


@contextmanager
def session(engine: Engine, where: str = "incident store", *, reads: bool = False) -> Iterator[Connection]:
    """Run one transaction; SQLAlchemy's errors become ours.

    Raises:
        UnavailableError: Locked, full or away; nothing was written.
        BadInputError: The file is no database.
    """
    try:
        with engine.connect().execution_options(mumetal_reads=reads) as db, db.begin():
            yield db
    except exc.OperationalError as error:
        raise UnavailableError(f"the incident store is away: {error.orig}", where=where) from error
    except exc.DatabaseError as error:
        raise BadInputError(
            f"the incident store cannot be used: {error.orig}",
            where=where,
            hint="restore it from a copy, or move it away: a new one is then made, without what was kept in it",
        ) from error


def upsert(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows; what has the same key is replaced."""
    if not rows:
        return
    key = [c.name for c in table.primary_key.columns]
    rest = [c.name for c in table.columns if c.name not in key]
    if db.dialect.name == "postgresql":
        pg = postgresql.insert(table)
        db.execute(pg.on_conflict_do_update(index_elements=key, set_={c: pg.excluded[c] for c in rest}), rows)
    else:
        lite = sqlite.insert(table)
        db.execute(lite.on_conflict_do_update(index_elements=key, set_={c: lite.excluded[c] for c in rest}), rows)


def _prepare(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 - the driver's own type
    connection.isolation_level = None  # SQLAlchemy, not the driver, begins transactions
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # a writer takes the lock at once: a reader that later writes could never be retried
    reads = connection.get_execution_options().get("mumetal_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
