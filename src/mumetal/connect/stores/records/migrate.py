"""Brings a database to the newest numbered change of every prefix, each in one transaction, once.

1. Prefixes are brought up in the order in which they are first given; numbers run from 1 without a gap.
2. Each change takes the writers' lock first and then looks whether another process has made it meanwhile.
3. A prefix that is ahead of this code refuses the database; one that this code does not know is left alone, since it
   may belong to a part that is not loaded now.
"""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, MetaData, String, Table, insert, inspect, select

from mumetal.connect.stores.records.engine import session
from mumetal.core.errors import BadInputError
from mumetal.core.logs import RoomLogger
from mumetal.core.migration import Migration

_log = RoomLogger("connect")
PG_LOCK = 0x6D756D65  # any number, the same in every process

DONE = Table(
    "mumetal_migrations",
    MetaData(),
    Column("prefix", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    Column("t_ns", BigInteger, nullable=False),
)


def migrate(engine: Engine, migrations: Sequence[Migration], now_ns: int, where: str) -> None:
    """Run what has not been run yet.

    Args:
        engine: The database.
        migrations: All that this code knows, each prefix in order.
        now_ns: Time, nanoseconds since 1970 UTC.
        where: The database's name, for errors.

    Raises:
        BadInputError: The database is newer than this code, numbers are missing or given twice, or a change fails.
        UnavailableError: The database is locked; what was run already stays.
    """
    newest = _newest(migrations)
    with session(engine, where, reads=True) as db:
        _refuse_newer(db, newest, where)
        if _done(db) >= {(m.prefix, m.number) for m in migrations}:
            return
    for migration in migrations:
        with session(engine, where) as db:
            _lock(db)
            DONE.create(db, checkfirst=True)
            _refuse_newer(db, newest, where)
            if (migration.prefix, migration.number) in _done(db):
                continue
            _run(db, migration, now_ns)
            done = {"prefix": migration.prefix, "number": migration.number, "name": migration.name, "t_ns": now_ns}
            db.execute(insert(DONE).values(**done))
        _log.info("records.migrated", prefix=migration.prefix, number=migration.number, name=migration.name)


def _newest(migrations: Sequence[Migration]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for migration in migrations:
        due = newest.get(migration.prefix, 0) + 1
        if migration.number != due:
            raise BadInputError(
                f"migration {migration.prefix}/{migration.number} stands where {migration.prefix}/{due} is due",
                hint="number a prefix's migrations from 1, in order, without a gap",
            )
        newest[migration.prefix] = due
    return newest


def _done(db: Connection) -> set[tuple[str, int]]:
    if not inspect(db).has_table(DONE.name):
        return set()
    return {(row.prefix, row.number) for row in db.execute(select(DONE.c.prefix, DONE.c.number))}


def _refuse_newer(db: Connection, newest: dict[str, int], where: str) -> None:
    ahead = sorted((p, n) for p, n in _done(db) if n > newest.get(p, n))
    if ahead:
        prefix, number = ahead[-1]
        raise BadInputError(
            f"the incident store is at {prefix}/{number}, this Mumetal knows up to {prefix}/{newest[prefix]}",
            where=where,
            hint="use the newer Mumetal that wrote it, or another folder",
        )


def _lock(db: Connection) -> None:
    if db.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE has it already
        db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({PG_LOCK})")


def _run(db: Connection, migration: Migration, now_ns: int) -> None:
    if isinstance(migration.work, tuple):
        for statement in migration.work:
            db.exec_driver_sql(statement)
    else:
        migration.work(db, now_ns)
