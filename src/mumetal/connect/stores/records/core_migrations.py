"""The migrations of the records themselves."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Row, Table, insert, inspect, select, tuple_, update

from mumetal.connect.stores.records import tables_1
from mumetal.connect.stores.records.bodies import decoded
from mumetal.connect.stores.records.log_rows import KEPT, LogLine, place, row_of, thin
from mumetal.connect.stores.records.named_subjects import name_subjects
from mumetal.connect.stores.records.sql_records import finding_line, incident_line
from mumetal.connect.stores.records.tables import ADDED_2, FINDINGS, INCIDENTS, LOG, LOG_HEAD, METADATA, SCHEMA
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.identity import PrincipalKind
from mumetal.core.incident import Incident
from mumetal.core.migration import Migration
from mumetal.core.record import Record, RecordKind

BEFORE_MIGRATIONS = 1  # what Mumetal wrote into mumetal_schema when that was all it had
SINCE_MIGRATIONS = 2  # written so that such a Mumetal leaves the database alone
AGENT = "mumetal.records"
BATCH = 500


def refuse_newer_schema(db: Connection, where: str) -> None:
    """Look at the version that was written before there were migrations.

    Raises:
        BadInputError: It is newer than this code.
    """
    if not inspect(db).has_table(SCHEMA.name):
        return
    found = db.execute(select(SCHEMA.c.version)).scalars().all()
    if found and max(found) > SINCE_MIGRATIONS:
        raise BadInputError(
            f"the incident store has schema {max(found)}, this Mumetal knows {SINCE_MIGRATIONS}",
            where=where,
            hint="use the newer Mumetal that wrote it, or another folder",
        )


def _first(db: Connection, now_ns: int) -> None:
    """Make the tables, or adopt those of a Mumetal before migrations."""
    del now_ns
    there = inspect(db)
    for table in tables_1.FIRST.sorted_tables:
        if there.has_table(table.name):
            _refuse_other_columns(db, table)
    tables_1.FIRST.create_all(db)
    if db.execute(select(SCHEMA.c.version)).first() is None:
        db.execute(insert(SCHEMA).values(version=BEFORE_MIGRATIONS))


def _refuse_other_columns(db: Connection, table: Table) -> None:
    found = {c["name"] for c in inspect(db).get_columns(table.name)}
    if found != {c.name for c in table.columns}:
        raise BadInputError(
            f"the table {table.name} is not one that Mumetal made",
            where="incident store",
            hint="keep the records in a database of their own",
        )


def _log(db: Connection, now_ns: int) -> None:
    """Name the subjects of findings; add the log, cursors, states, jobs, assets; a record of each finding and incident."""
    name_subjects(db)
    METADATA.create_all(db, tables=list(ADDED_2))
    db.execute(insert(LOG_HEAD).values(head_id=1, last=0, thinned=0))
    db.exec_driver_sql("ALTER TABLE labels ADD COLUMN basis VARCHAR(200) NOT NULL DEFAULT ''")
    home: dict[tuple[str, str], str] = {}
    incidents: list[tuple[str, LogLine]] = []
    for row in _rows(db, INCIDENTS):
        line, known = _incident(row.incident_id, row.body)
        incidents.append((row.tenant, line))
        home.update({(row.tenant, finding_id): row.incident_id for finding_id in known})
    for part in _parts(
        (row.tenant, _finding(row.finding_id, row.body, home.get((row.tenant, row.finding_id), "")))
        for row in _rows(db, FINDINGS)
    ):
        _write(db, part, now_ns)
    for part in _parts(iter(incidents)):
        _write(db, part, now_ns)
    thin(db, KEPT)
    db.execute(update(SCHEMA).values(version=SINCE_MIGRATIONS))


def _rows(db: Connection, table: Table) -> Iterator[Row[tuple[object, ...]]]:
    """Yield a table's rows in order of its key, a batch at a time."""
    key = list(table.primary_key.columns)
    query = select(table, *key).order_by(*key).limit(BATCH)
    rows = db.execute(query).all()
    while rows:
        yield from rows
        rows = db.execute(query.where(tuple_(*key) > tuple_(*rows[-1][-len(key) :]))).all()


def _finding(finding_id: str, body: bytes, incident_id: str) -> LogLine:
    try:
        return finding_line(decoded(body, Finding), incident_id)
    except BadInputError:  # it could not be read before either; that it is there is still said
        return LogLine(kind=RecordKind.FINDING_RAISED, subject=finding_id, body=b"{}", correlation=incident_id)


def _incident(incident_id: str, body: bytes) -> tuple[LogLine, Sequence[str]]:
    try:
        incident = decoded(body, Incident)
    except BadInputError:
        line = LogLine(kind=RecordKind.INCIDENT_CHANGED, subject=incident_id, body=b"{}", correlation=incident_id)
        return line, ()
    return incident_line(incident), incident.findings


def _parts(lines: Iterator[tuple[str, LogLine]]) -> Iterator[list[tuple[str, LogLine]]]:
    part: list[tuple[str, LogLine]] = []
    for line in lines:
        part.append(line)
        if len(part) == BATCH:
            yield part
            part = []
    if part:
        yield part


def _write(db: Connection, lines: Sequence[tuple[str, LogLine]], now_ns: int) -> None:
    first = place(db, len(lines)) - len(lines) + 1
    rows = [
        Record(
            sequence=n,
            kind=line.kind,
            tenant=tenant,
            t_ns=now_ns,
            subject=line.subject,
            principal=AGENT,
            principal_kind=PrincipalKind.AGENT,
            correlation=line.correlation,
            body=line.body,
        )
        for n, (tenant, line) in enumerate(lines, first)
    ]
    db.execute(insert(LOG), [row_of(r) for r in rows])


_REPOSITORIES = (
    "ALTER TABLE sightings ADD COLUMN repository VARCHAR(100) NOT NULL DEFAULT ''",
    "CREATE INDEX sightings_of_repository ON sightings (tenant, repository, mode)",
)

CORE = (
    Migration(prefix="core", number=1, name="findings, incidents, labels, users, outbox, sightings", work=_first),
    Migration(prefix="core", number=2, name="subjects of findings, one log, cursors, states, jobs, assets", work=_log),
    Migration(prefix="core", number=3, name="which repository a sighting is of", work=_REPOSITORIES),
)
