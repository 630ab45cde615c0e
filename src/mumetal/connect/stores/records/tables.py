"""The tables as they are now: those of core/1, what was changed of them since, and what core/2 added."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

from mumetal.connect.stores.records import tables_1

METADATA = MetaData()

SCHEMA = tables_1.SCHEMA.to_metadata(METADATA)
FINDINGS = tables_1.FINDINGS.to_metadata(METADATA)
INCIDENTS = tables_1.INCIDENTS.to_metadata(METADATA)
LABELS = tables_1.LABELS.to_metadata(METADATA)
USERS = tables_1.USERS.to_metadata(METADATA)
OUTBOX = tables_1.OUTBOX.to_metadata(METADATA)
SIGHTINGS = tables_1.SIGHTINGS.to_metadata(METADATA)

LABELS.append_column(Column("basis", String(200), nullable=False, server_default=""))
SIGHTINGS.append_column(Column("repository", String(100), nullable=False, server_default=""))
Index("sightings_of_repository", SIGHTINGS.c.tenant, SIGHTINGS.c.repository, SIGHTINGS.c.mode)

LOG = Table(
    "record_log",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("tenant", String(200), nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("principal", String(200), nullable=False),
    Column("principal_kind", String(20), nullable=False),
    Column("on_behalf_of", String(200), nullable=False),
    Column("correlation", String(200), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("record_log_of_tenant", "tenant", "sequence"),
    Index("record_log_of_kind", "kind", "sequence"),
)

# one row: the last place given out, and the last one thinned out. Every writer updates it, so that places are given out
# in the order of commits: with a sequence of the database's own, a reader could pass one that commits later
LOG_HEAD = Table(
    "record_log_head",
    METADATA,
    Column("head_id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("thinned", BigInteger, nullable=False),
)

CURSORS = Table(
    "record_cursors",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

STATES = Table(
    "states",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("device", String(200), primary_key=True),
    Column("entered_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("job_id", String(200), primary_key=True),
    Column("device", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("jobs_by_time", "tenant", "t_ns"),
)

ASSETS = Table(
    "assets",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("asset_id", String(200), primary_key=True),
    Column("kind", String(200), nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

ACTS = Table(
    "acts",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("act_id", String(200), primary_key=True),
    Column("t_ns", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("acts_by_time", "tenant", "t_ns"),
)

ADDED_2 = (LOG, LOG_HEAD, CURSORS, STATES, JOBS, ASSETS, ACTS)
