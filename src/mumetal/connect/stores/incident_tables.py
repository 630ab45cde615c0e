"""Tables of the incident store, and the engine that keeps them: SQLite here, PostgreSQL by the same code."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    exc,
    insert,
    select,
)

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.logs import RoomLogger

SCHEMA_VERSION = 1
_log = RoomLogger("connect")
METADATA = MetaData()
ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER key

SCHEMA = Table("mumetal_schema", METADATA, Column("version", Integer, nullable=False))

FINDINGS = Table(
    "findings",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("finding_id", String(24), primary_key=True),
    Column("device", String(200), nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("findings_by_time", "tenant", "start_ns"),
)

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("incident_id", String(200), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("standing", Integer, nullable=False),
    Column("priority", Float, nullable=False),
    Column("stop_ns", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("incidents_by_rank", "tenant", "standing", "priority"),
)

LABELS = Table(
    "labels",
    METADATA,
    Column("label_id", ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(200), nullable=False),
    Column("incident_id", String(200), nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("label", String(20), nullable=False),
    ForeignKeyConstraint(
        ["tenant", "incident_id"], ["incidents.tenant", "incidents.incident_id"], name="label_of", ondelete="CASCADE"
    ),
    Index("labels_by_incident", "tenant", "incident_id"),
)

USERS = Table(
    "users",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("created_ns", BigInteger, nullable=False),
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("seq", ROW_ID, primary_key=True, autoincrement=True),
    Column("sink", String(400), nullable=False),
    Column("tenant", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("item_id", String(200), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("dead", Integer, nullable=False, default=0),
    Column("error", String(1000), nullable=False, default=""),
    Index("outbox_in_order", "sink", "dead", "seq"),
    sqlite_autoincrement=True,
)

SIGHTINGS = Table(
    "sightings",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("finding_id", String(24), primary_key=True),
    Column("target", String(200), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("incident_id", String(200), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("path", String(4096), nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("closed", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("sightings_of_target", "tenant", "target", "mode"),
    Index("sightings_of_incident", "tenant", "incident_id"),
    Index("sightings_by_rank", "tenant", "closed", "severity"),
)


def open_engine(place: str | Path) -> Engine:
    """Open a database by path (SQLite, readable by its owner only) or SQLAlchemy URL, and make its tables.

    Raises:
        BadInputError: Not a database, or made by a newer Mumetal.
        UnavailableError: It cannot be reached or is locked.
    """
    text = str(place)
    url = text if "://" in text else f"sqlite:///{text}"
    where = text.rsplit("@", maxsplit=1)[-1]
    try:
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
        engine = create_engine(url)
    except (OSError, exc.ArgumentError, exc.NoSuchModuleError) as error:
        raise BadInputError(f"cannot open the incident store: {error}", where=where) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    try:
        with session(engine, where) as db:
            _make(db, where)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _make(db: Connection, where: str) -> None:
    METADATA.create_all(db)
    found = db.execute(select(SCHEMA.c.version)).scalars().all()
    if not found:
        db.execute(insert(SCHEMA).values(version=SCHEMA_VERSION))
        _log.info("incidents.created", schema=SCHEMA_VERSION)
    elif max(found) > SCHEMA_VERSION:
        raise BadInputError(
            f"the incident store has schema {max(found)}, this Mumetal knows {SCHEMA_VERSION}",
            where=where,
            hint="use the newer Mumetal that wrote it, or another folder",
        )


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
        raise BadInputError(f"the incident store cannot be used: {error.orig}", where=where) from error


def _prepare(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 - the driver's own type
    connection.isolation_level = None  # SQLAlchemy, not the driver, begins transactions
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # a writer takes the lock at once: a reader that later writes could never be retried
    reads = connection.get_execution_options().get("mumetal_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
