"""Findings, incidents, labels and users, and the rest of the records, through SQLAlchemy. Every query names the tenant."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, desc, insert, select

from mumetal.connect.stores.records.act_rows import ActRows
from mumetal.connect.stores.records.bodies import decoded, encoded, short_finding, short_incident
from mumetal.connect.stores.records.engine import session, upsert
from mumetal.connect.stores.records.log_rows import LogLine, LogRows
from mumetal.connect.stores.records.noun_rows import AssetRows, JobRows, StateRows
from mumetal.connect.stores.records.outbox_rows import OutboxRows
from mumetal.connect.stores.records.part_tables import SqlPartTables
from mumetal.connect.stores.records.sighting_rows import SightingRows
from mumetal.connect.stores.records.tables import FINDINGS, INCIDENTS, LABELS, USERS
from mumetal.core import check
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident, IncidentState, Label, LabelGiven
from mumetal.core.record import RecordKind
from mumetal.core.records import (
    ActRecords,
    AssetRecords,
    JobRecords,
    OutboxRecords,
    PartTables,
    RecordLog,
    SightingRecords,
    StateRecords,
)

CHUNK = 500
MAX_LISTED = 10_000
STANDING = {IncidentState.EXPLAINED: 1, IncidentState.RESOLVED: 2}


class SqlRecords:
    """Records in a database; :func:`~mumetal.connect.stores.records.opening.open_records` opens it.

    Args:
        engine: The database, at the newest migration.
        clock: Time of each record.
        sinks: Names of the sinks for which :meth:`put` leaves a copy in the outbox, in the same transaction.
    """

    def __init__(self, engine: Engine, clock: Clock, sinks: Sequence[str] = ()) -> None:
        self._engine, self._clock, self._sinks = engine, clock, tuple(sinks)
        self._log, self._outbox = LogRows(engine, clock), OutboxRows(engine)
        self.log: RecordLog = self._log
        self.outbox: OutboxRecords = self._outbox
        self.sightings: SightingRecords = SightingRows(engine, self._log)
        self.states: StateRecords = StateRows(engine, self._log)
        self.jobs: JobRecords = JobRows(engine, self._log)
        self.assets: AssetRecords = AssetRows(engine, self._log)
        self.acts: ActRecords = ActRows(engine, self._log)

    def put(self, scope: Scope, findings: Sequence[Finding], incidents: Sequence[Incident]) -> None:
        """Write all of it or nothing; what is there already is replaced, and each sink gets its copy.

        Raises:
            RejectedError: Something belongs to another tenant.
            UnavailableError: The disk is full or the database is locked; nothing was written.
            BadInputError: A text cannot be written as UTF-8.
        """
        for tenant in {f.tenant for f in findings} | {i.tenant for i in incidents}:
            scope.demand(tenant)
        seen = [_finding_row(f) for f in findings]
        kept = [_incident_row(i) for i in incidents]
        home = {finding_id: i.incident_id for i in incidents for finding_id in i.findings}
        lines = [finding_line(f, home.get(f.finding_id, "")) for f in findings] + [incident_line(i) for i in incidents]
        with session(self._engine) as db:
            upsert(db, FINDINGS, seen)
            given = [self._label(scope, i) for i in incidents if i.label is not _known_label(db, i)]
            upsert(db, INCIDENTS, kept)
            if given:
                db.execute(insert(LABELS), [_label_row(g) for g in given])
            self._log.write(db, scope, [*lines, *(_label_line(g) for g in given)])
            items = [("finding", r["tenant"], r["finding_id"], r["body"]) for r in seen]
            items += [("incident", r["tenant"], r["incident_id"], r["body"]) for r in kept]
            for sink in self._sinks:
                self._outbox.add(db, sink, items)

    def incident(self, scope: Scope, incident_id: str) -> Incident:
        """Return one incident.

        Raises:
            BadInputError: The tenant has no such incident (whether or not another one has).
        """
        tenant = scope.one_tenant()
        query = select(INCIDENTS.c.body).where(INCIDENTS.c.tenant == tenant, INCIDENTS.c.incident_id == incident_id)
        with session(self._engine, reads=True) as db:
            body = db.execute(query).scalar()
        if body is None:
            raise BadInputError("there is no such incident", where=incident_id[:200], hint="see `mumetal incidents`")
        return decoded(body, Incident)

    def incidents(self, scope: Scope, state: IncidentState | None = None, limit: int = 100) -> list[Incident]:
        """Return incidents, unexplained first, then explained, then resolved; within each by priority."""
        query = select(INCIDENTS.c.body).where(INCIDENTS.c.tenant == scope.one_tenant())
        if state is not None:
            query = query.where(INCIDENTS.c.state == state.value)
        order = (INCIDENTS.c.standing, desc(INCIDENTS.c.priority), desc(INCIDENTS.c.stop_ns), INCIDENTS.c.incident_id)
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.order_by(*order).limit(max(0, min(limit, MAX_LISTED)))).scalars().all()
        return [decoded(body, Incident) for body in bodies]

    def open_for(self, scope: Scope) -> list[Incident]:
        """Return what is not resolved, oldest first, to put triage back where it was."""
        query = select(INCIDENTS.c.body).where(
            INCIDENTS.c.tenant == scope.one_tenant(), INCIDENTS.c.state != IncidentState.RESOLVED.value
        )
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.order_by(INCIDENTS.c.stop_ns, INCIDENTS.c.incident_id)).scalars().all()
        return [decoded(body, Incident) for body in bodies]

    def tenants(self, scope: Scope) -> list[str]:
        """Return whose incidents are kept here; for the stack's own restart, never for a page.

        Raises:
            RejectedError: The scope is one tenant's.
        """
        scope.demand_whole()
        with session(self._engine, reads=True) as db:
            return list(db.execute(select(INCIDENTS.c.tenant).distinct().order_by(INCIDENTS.c.tenant)).scalars())

    def findings(self, scope: Scope, finding_ids: Sequence[str]) -> list[Finding]:
        """Return a tenant's findings in the order asked for; ids it does not have are left out."""
        tenant, found = scope.one_tenant(), dict[str, bytes]()
        with session(self._engine, reads=True) as db:
            for ids in _chunks(list(dict.fromkeys(finding_ids))[:MAX_LISTED]):
                query = select(FINDINGS.c.finding_id, FINDINGS.c.body).where(
                    FINDINGS.c.tenant == tenant, FINDINGS.c.finding_id.in_(ids)
                )
                found.update((row.finding_id, row.body) for row in db.execute(query))
        return [decoded(found[i], Finding) for i in finding_ids[:MAX_LISTED] if i in found]

    def labels(self, scope: Scope) -> list[LabelGiven]:
        """Return every label that was given, oldest first; the newest of an incident is the one that holds."""
        query = select(LABELS).where(LABELS.c.tenant == scope.one_tenant()).order_by(LABELS.c.label_id)
        with session(self._engine, reads=True) as db:
            rows = db.execute(query).all()
        return [
            LabelGiven(
                tenant=r.tenant,
                incident_id=r.incident_id,
                label=Label(r.label),
                t_ns=r.t_ns,
                actor=r.actor[:200],
                basis=r.basis,
            )
            for r in rows
        ]

    def add_user(self, scope: Scope, name: str) -> None:
        """Make a person known; again is no error."""
        tenant = scope.one_tenant()
        check.name(name, "user")
        with session(self._engine) as db:
            there = select(USERS.c.name).where(USERS.c.tenant == tenant, USERS.c.name == name)
            if db.execute(there).scalar() is None:
                db.execute(insert(USERS).values(tenant=tenant, name=name, created_ns=self._clock.now_ns()))
                self._log.write(db, scope, [LogLine(kind=RecordKind.USER_ADDED, subject=name, body=b"{}")])

    def users(self, scope: Scope) -> list[str]:
        """Return a tenant's people."""
        query = select(USERS.c.name).where(USERS.c.tenant == scope.one_tenant()).order_by(USERS.c.name)
        with session(self._engine, reads=True) as db:
            return list(db.execute(query).scalars())

    def tables(self, prefix: str) -> PartTables:
        """Return the tables of a part: those whose names begin with its prefix."""
        return SqlPartTables(self._engine, prefix)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _label(self, scope: Scope, incident: Incident) -> LabelGiven:
        said = [e for e in incident.timeline if f"label {incident.label}" in e.what]
        return LabelGiven(
            tenant=incident.tenant,
            incident_id=incident.incident_id,
            label=incident.label,
            t_ns=said[-1].t_ns if said else self._clock.now_ns(),
            actor=(said[-1].actor if said else scope.principal.name)[:200],
            basis=scope.principal.kind.value,
        )


def finding_line(finding: Finding, incident_id: str) -> LogLine:
    """Return what the log says of a finding; ``incident_id`` is empty when it is in none yet."""
    body = encoded(short_finding(finding), finding.finding_id)
    return LogLine(kind=RecordKind.FINDING_RAISED, subject=finding.finding_id, body=body, correlation=incident_id)


def incident_line(incident: Incident) -> LogLine:
    """Return what the log says of an incident."""
    name, body = incident.incident_id, encoded(short_incident(incident), incident.incident_id)
    return LogLine(kind=RecordKind.INCIDENT_CHANGED, subject=name, body=body, correlation=name)


def _known_label(db: Connection, incident: Incident) -> Label:
    query = (
        select(LABELS.c.label)
        .where(LABELS.c.tenant == incident.tenant, LABELS.c.incident_id == incident.incident_id)
        .order_by(desc(LABELS.c.label_id))
    )
    return Label(db.execute(query.limit(1)).scalar() or Label.UNKNOWN)


def _label_row(given: LabelGiven) -> dict[str, Any]:
    return {
        "tenant": given.tenant,
        "incident_id": given.incident_id,
        "label": given.label.value,
        "t_ns": given.t_ns,
        "actor": given.actor,
        "basis": given.basis,
    }


def _label_line(given: LabelGiven) -> LogLine:
    name, body = given.incident_id, encoded(given, given.incident_id)
    return LogLine(kind=RecordKind.LABEL_GIVEN, subject=name, body=body, correlation=name)


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "tenant": finding.tenant,
        "finding_id": finding.finding_id,
        "device": finding.device,
        "start_ns": finding.start_ns,
        "body": encoded(finding, finding.finding_id),
    }


def _incident_row(incident: Incident) -> dict[str, Any]:
    return {
        "tenant": incident.tenant,
        "incident_id": incident.incident_id,
        "state": incident.state.value,
        "standing": STANDING.get(incident.state, 0),
        "priority": incident.priority,
        "stop_ns": incident.stop_ns,
        "body": encoded(incident, incident.incident_id),
    }


def _chunks(ids: Sequence[str]) -> Iterator[Iterable[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
