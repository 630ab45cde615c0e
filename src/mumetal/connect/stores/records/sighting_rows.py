"""What scans found, kept between scans: rows beside the incidents, in the same database."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Engine, desc, func, select

from mumetal.connect.stores.records.bodies import decoded, encoded, short_sighting
from mumetal.connect.stores.records.engine import session, upsert
from mumetal.connect.stores.records.log_rows import LogLine, LogRows
from mumetal.connect.stores.records.tables import SIGHTINGS
from mumetal.core.errors import BadInputError
from mumetal.core.identity import Scope
from mumetal.core.record import RecordKind
from mumetal.core.sighting import Choice, Sighting

CHUNK = 400
MAX_LISTED = 1_000


class SightingRows:
    """Sightings by tenant. The log hears of what is new, gone, back or in another incident, not of what is seen again.

    Args:
        engine: The records' database.
        log: Where changes are written.
    """

    def __init__(self, engine: Engine, log: LogRows) -> None:
        self._engine, self._log = engine, log

    def put(self, scope: Scope, sightings: Sequence[Sighting]) -> None:
        """Write all of it or nothing; what is there already is replaced.

        Raises:
            RejectedError: One belongs to another tenant.
        """
        for s in sightings:
            scope.demand(s.tenant)
        with session(self._engine) as db:
            for start in range(0, len(sightings), CHUNK):
                part = sightings[start : start + CHUNK]
                known = _known(db, scope.one_tenant(), part)
                changed = [s for s in part if known.get(s.finding_id) != (int(not s.stands), s.incident_id)]
                upsert(db, SIGHTINGS, [_row(s) for s in part])
                self._log.write(db, scope, [_line(s) for s in changed])

    def of_target(self, scope: Scope, target: str, mode: str, repository: str = "") -> dict[str, Sighting]:
        """Return everything known of a repository, whatever it is called; without one, of that name. By fingerprint."""
        t = SIGHTINGS.c
        query = select(t.body).where(t.tenant == scope.one_tenant(), t.mode == mode, t.repository == repository)
        if not repository:
            query = query.where(t.target == target)
        with session(self._engine, reads=True) as db:
            found = [decoded(body, Sighting) for body in db.execute(query).scalars()]
        return {s.fingerprint: s for s in found}

    def get(self, scope: Scope, finding_id: str) -> Sighting:
        """Return one sighting by its finding's id.

        Raises:
            BadInputError: The tenant has none of that id.
        """
        query = select(SIGHTINGS.c.body).where(
            SIGHTINGS.c.tenant == scope.one_tenant(), SIGHTINGS.c.finding_id == finding_id
        )
        with session(self._engine, reads=True) as db:
            body = db.execute(query).scalar()
        if body is None:
            raise BadInputError(
                "no scan found anything of that id", where=finding_id[:80], hint="see mumetal scan findings"
            )
        return decoded(body, Sighting)

    def listed(self, scope: Scope, choice: Choice | None = None, limit: int = 200) -> list[Sighting]:
        """Return sightings, what stands first, then the gravest, then by place."""
        query = select(SIGHTINGS.c.body).where(*_chosen(scope.one_tenant(), choice or Choice()))
        order = (SIGHTINGS.c.closed, desc(SIGHTINGS.c.severity), SIGHTINGS.c.path, SIGHTINGS.c.line)
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.order_by(*order).limit(max(0, min(limit, MAX_LISTED)))).scalars().all()
        return [decoded(body, Sighting) for body in bodies]

    def counts(self, scope: Scope, choice: Choice | None = None) -> dict[str, int]:
        """Return how many sightings each rule has, the most first."""
        number = func.count().label("n")
        query = (
            select(SIGHTINGS.c.rule, number)
            .where(*_chosen(scope.one_tenant(), choice or Choice()))
            .group_by(SIGHTINGS.c.rule)
        )
        with session(self._engine, reads=True) as db:
            return {row.rule: row.n for row in db.execute(query.order_by(desc(number), SIGHTINGS.c.rule))}

    def targets(self, scope: Scope) -> list[str]:
        """Return what was scanned."""
        query = (
            select(SIGHTINGS.c.target)
            .where(SIGHTINGS.c.tenant == scope.one_tenant())
            .distinct()
            .order_by(SIGHTINGS.c.target)
        )
        with session(self._engine, reads=True) as db:
            return list(db.execute(query).scalars())

    def of_incident(self, scope: Scope, incident_id: str) -> list[Sighting]:
        """Return the sightings of one incident, what stands first."""
        query = select(SIGHTINGS.c.body).where(
            SIGHTINGS.c.tenant == scope.one_tenant(), SIGHTINGS.c.incident_id == incident_id
        )
        with session(self._engine, reads=True) as db:
            return [decoded(body, Sighting) for body in db.execute(query.order_by(SIGHTINGS.c.closed)).scalars()]


def _chosen(tenant: str, choice: Choice) -> list[ColumnElement[bool]]:
    t = SIGHTINGS.c
    said: list[ColumnElement[bool]] = [t.tenant == tenant, t.severity >= int(choice.least)]
    if choice.target:
        said.append(t.target == choice.target)
    if choice.rule:
        said.append(t.rule.startswith(choice.rule, autoescape=True))
    if choice.path:
        said.append(t.path.contains(choice.path, autoescape=True))
    if choice.closed is not None:
        said.append(t.closed == int(choice.closed))
    return said


def _row(s: Sighting) -> dict[str, object]:
    return {
        "tenant": s.tenant,
        "finding_id": s.finding_id,
        "target": s.target,
        "repository": s.repository,
        "mode": s.mode,
        "incident_id": s.incident_id,
        "rule": s.rule,
        "severity": int(s.severity),
        "path": s.path,
        "line": s.line,
        "closed": int(not s.stands),
        "body": encoded(s, s.finding_id),
    }


def _known(db: Connection, tenant: str, sightings: Sequence[Sighting]) -> dict[str, tuple[int, str]]:
    t = SIGHTINGS.c
    query = select(t.finding_id, t.closed, t.incident_id).where(
        t.tenant == tenant, t.finding_id.in_([s.finding_id for s in sightings])
    )
    return {row.finding_id: (row.closed, row.incident_id) for row in db.execute(query)}


def _line(s: Sighting) -> LogLine:
    body = encoded(short_sighting(s), s.finding_id)
    return LogLine(kind=RecordKind.SIGHTING_CHANGED, subject=s.finding_id, body=body, correlation=s.incident_id)
