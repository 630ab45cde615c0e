"""Findings, incidents, labels and users, through SQLAlchemy. Every query names the tenant."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Table, desc, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from mumetal.connect.stores.incident_tables import FINDINGS, INCIDENTS, LABELS, USERS, open_engine, session
from mumetal.connect.stores.outbox_rows import OutboxRows
from mumetal.connect.stores.sighting_rows import SightingRows
from mumetal.core import check
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident, IncidentState, Label

CHUNK = 500
MAX_LISTED = 10_000
STANDING = {IncidentState.EXPLAINED: 1, IncidentState.RESOLVED: 2}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What a person said an incident was, and when."""

    incident_id: str
    label: Label
    t_ns: int
    actor: str


class IncidentStore:
    """Where incidents are kept.

    Args:
        place: Path of an SQLite file, or an SQLAlchemy URL.
        sinks: Names of the sinks for which :meth:`put` leaves a copy in the outbox, in the same transaction.

    Raises:
        BadInputError: Not a database, or its schema is newer than this code.
        UnavailableError: It cannot be reached.
    """

    def __init__(self, place: str | Path, *, sinks: Sequence[str] = ()) -> None:
        self._engine = open_engine(place)
        self._sinks = tuple(sinks)
        self.outbox = OutboxRows(self._engine)
        self.sightings = SightingRows(self._engine)

    def put(self, findings: Sequence[Finding], incidents: Sequence[Incident]) -> None:
        """Write all of it or nothing; what is there already is replaced, and each sink gets its copy.

        Raises:
            UnavailableError: The disk is full or the database is locked; nothing was written.
            BadInputError: A text cannot be written as UTF-8.
        """
        seen = [_finding_row(f) for f in findings]
        kept = [_incident_row(i) for i in incidents]
        with session(self._engine) as db:
            self._upsert(db, FINDINGS, seen)
            labelled = [i for i in incidents if i.label is not _known_label(db, i)]
            self._upsert(db, INCIDENTS, kept)
            if labelled:
                db.execute(insert(LABELS), [_label_row(i) for i in labelled])
            items = [("finding", r["tenant"], r["finding_id"], r["body"]) for r in seen]
            items += [("incident", r["tenant"], r["incident_id"], r["body"]) for r in kept]
            for sink in self._sinks:
                self.outbox.add(db, sink, items)

    def incident(self, tenant: str, incident_id: str) -> Incident:
        """Return one incident.

        Raises:
            BadInputError: The tenant has no such incident (whether or not another one has).
        """
        query = select(INCIDENTS.c.body).where(INCIDENTS.c.tenant == tenant, INCIDENTS.c.incident_id == incident_id)
        with session(self._engine, reads=True) as db:
            body = db.execute(query).scalar()
        if body is None:
            raise BadInputError("there is no such incident", where=incident_id[:200])
        return _decoded(body, Incident)

    def incidents(self, tenant: str, state: IncidentState | None = None, limit: int = 100) -> list[Incident]:
        """Return incidents, unexplained first, then explained, then resolved; within each by priority."""
        query = select(INCIDENTS.c.body).where(INCIDENTS.c.tenant == tenant)
        if state is not None:
            query = query.where(INCIDENTS.c.state == state.value)
        order = (INCIDENTS.c.standing, desc(INCIDENTS.c.priority), desc(INCIDENTS.c.stop_ns), INCIDENTS.c.incident_id)
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.order_by(*order).limit(max(0, min(limit, MAX_LISTED)))).scalars().all()
        return [_decoded(body, Incident) for body in bodies]

    def open_for(self, tenant: str) -> list[Incident]:
        """Return what is not resolved, oldest first, to put triage back where it was."""
        query = select(INCIDENTS.c.body).where(
            INCIDENTS.c.tenant == tenant, INCIDENTS.c.state != IncidentState.RESOLVED.value
        )
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.order_by(INCIDENTS.c.stop_ns, INCIDENTS.c.incident_id)).scalars().all()
        return [_decoded(body, Incident) for body in bodies]

    def tenants(self) -> list[str]:
        """Return whose incidents are kept here; for the stack's own restart, never for a page."""
        with session(self._engine, reads=True) as db:
            return list(db.execute(select(INCIDENTS.c.tenant).distinct().order_by(INCIDENTS.c.tenant)).scalars())

    def findings(self, tenant: str, finding_ids: Sequence[str]) -> list[Finding]:
        """Return a tenant's findings in the order asked for; ids it does not have are left out."""
        found: dict[str, bytes] = {}
        with session(self._engine, reads=True) as db:
            for ids in _chunks(list(dict.fromkeys(finding_ids))[:MAX_LISTED]):
                query = select(FINDINGS.c.finding_id, FINDINGS.c.body).where(
                    FINDINGS.c.tenant == tenant, FINDINGS.c.finding_id.in_(ids)
                )
                found.update((row.finding_id, row.body) for row in db.execute(query))
        return [_decoded(found[i], Finding) for i in finding_ids[:MAX_LISTED] if i in found]

    def labels(self, tenant: str) -> list[Labelled]:
        """Return every label a person gave, oldest first; the newest of an incident is the one that holds."""
        query = select(LABELS).where(LABELS.c.tenant == tenant).order_by(LABELS.c.label_id)
        with session(self._engine, reads=True) as db:
            return [
                Labelled(incident_id=r.incident_id, label=Label(r.label), t_ns=r.t_ns, actor=r.actor)
                for r in db.execute(query)
            ]

    def add_user(self, tenant: str, name: str, now_ns: int) -> None:
        """Make a person known; again is no error."""
        check.name(tenant, "tenant")
        check.name(name, "user")
        with session(self._engine) as db:
            there = select(USERS.c.name).where(USERS.c.tenant == tenant, USERS.c.name == name)
            if db.execute(there).scalar() is None:
                db.execute(insert(USERS).values(tenant=tenant, name=name, created_ns=now_ns))

    def users(self, tenant: str) -> list[str]:
        """Return a tenant's people."""
        with session(self._engine, reads=True) as db:
            query = select(USERS.c.name).where(USERS.c.tenant == tenant).order_by(USERS.c.name)
            return list(db.execute(query).scalars())

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _upsert(self, db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        key = [c.name for c in table.primary_key.columns]
        rest = [c.name for c in table.columns if c.name not in key]
        if self._engine.dialect.name == "postgresql":
            pg = postgresql.insert(table)
            db.execute(pg.on_conflict_do_update(index_elements=key, set_={c: pg.excluded[c] for c in rest}), rows)
        else:
            lite = sqlite.insert(table)
            db.execute(lite.on_conflict_do_update(index_elements=key, set_={c: lite.excluded[c] for c in rest}), rows)


def _known_label(db: Connection, incident: Incident) -> Label:
    query = (
        select(LABELS.c.label)
        .where(LABELS.c.tenant == incident.tenant, LABELS.c.incident_id == incident.incident_id)
        .order_by(desc(LABELS.c.label_id))
    )
    return Label(db.execute(query.limit(1)).scalar() or Label.UNKNOWN)


def _label_row(incident: Incident) -> dict[str, Any]:
    said = [e for e in incident.timeline if f"label {incident.label}" in e.what]
    return {
        "tenant": incident.tenant,
        "incident_id": incident.incident_id,
        "label": incident.label.value,
        "t_ns": said[-1].t_ns if said else incident.stop_ns,
        "actor": said[-1].actor if said else "",
    }


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "tenant": finding.tenant,
        "finding_id": finding.finding_id,
        "device": finding.device,
        "start_ns": finding.start_ns,
        "body": _encoded(finding, finding.finding_id),
    }


def _incident_row(incident: Incident) -> dict[str, Any]:
    return {
        "tenant": incident.tenant,
        "incident_id": incident.incident_id,
        "state": incident.state.value,
        "standing": STANDING.get(incident.state, 0),
        "priority": incident.priority,
        "stop_ns": incident.stop_ns,
        "body": _encoded(incident, incident.incident_id),
    }


def _encoded(noun: Finding | Incident, where: str) -> bytes:
    try:
        return msgspec.json.encode(noun)
    except UnicodeEncodeError as error:
        raise BadInputError(f"a text cannot be written as UTF-8: {error.reason}", where=where) from None


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, BadInputError) as error:
        raise BadInputError(f"a row of the incident store cannot be read: {error}", where="incident store") from None


def _chunks(ids: Sequence[str]) -> Iterator[Iterable[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
