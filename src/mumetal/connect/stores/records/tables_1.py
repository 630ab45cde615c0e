"""The tables as migration core/1 makes them. They are frozen: what changes later is a later migration's, and in tables."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

FIRST = MetaData()
ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER key

SCHEMA = Table("mumetal_schema", FIRST, Column("version", Integer, nullable=False))

FINDINGS = Table(
    "findings",
    FIRST,
    Column("tenant", String(200), primary_key=True),
    Column("finding_id", String(24), primary_key=True),
    Column("device", String(200), nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("findings_by_time", "tenant", "start_ns"),
)

INCIDENTS = Table(
    "incidents",
    FIRST,
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
    FIRST,
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
    FIRST,
    Column("tenant", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("created_ns", BigInteger, nullable=False),
)

OUTBOX = Table(
    "outbox",
    FIRST,
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
    FIRST,
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
