"""The one place where records are opened."""

from collections.abc import Sequence
from pathlib import Path

from mumetal.connect.stores.records.core_migrations import CORE, refuse_newer_schema
from mumetal.connect.stores.records.engine import open_engine, session, told
from mumetal.connect.stores.records.migrate import migrate
from mumetal.connect.stores.records.place import url_of
from mumetal.connect.stores.records.sql_records import SqlRecords
from mumetal.core.clock import Clock, SystemClock
from mumetal.core.errors import BadInputError
from mumetal.core.migration import Migration
from mumetal.core.records import Records


def open_records(
    folder_or_url: str | Path,
    *,
    clock: Clock | None = None,
    sinks: Sequence[str] = (),
    migrations: Sequence[Migration] = (),
) -> Records:
    """Open the records of a folder, made if there are none, and bring their tables to the newest migration.

    Args:
        folder_or_url: The store's folder, or an SQLAlchemy URL.
        clock: Time of each record; the machine's own when none is given.
        sinks: Names of the sinks that get a copy of each finding and incident.
        migrations: Of the parts that keep tables of their own; ``"core"`` is the records' own prefix.

    Raises:
        BadInputError: Not a database, newer than this code, or a migration cannot be run.
        UnavailableError: It cannot be reached, or is locked.
    """
    taken = [m for m in migrations if m.prefix == CORE[0].prefix]
    if taken:
        raise BadInputError("a part's migrations have the records' own prefix", where=taken[0].name, hint="use its own")
    time, url = clock or SystemClock(), url_of(folder_or_url)
    engine = open_engine(url)
    try:
        with session(engine, told(url), reads=True) as db:
            refuse_newer_schema(db, told(url))
        migrate(engine, (*CORE, *migrations), time.now_ns(), told(url))
    except BaseException:
        engine.dispose()
        raise
    return SqlRecords(engine, time, sinks)
