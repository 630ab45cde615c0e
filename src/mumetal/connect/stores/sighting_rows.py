"""What scans found, kept between scans: rows beside the incidents, in the same database."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Engine, delete, desc, func, insert, select

from mumetal.connect.stores.incident_tables import SIGHTINGS, session
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity

CHUNK = 400
MAX_LISTED = 1_000


class Sighting(Struct, frozen=True, kw_only=True):
    """One finding of a scan, as long as it is remembered. It holds no secret: the excerpt is masked.

    Args:
        tenant: Whose it is.
        target: Name of what was scanned.
        mode: ``"tree"``, ``"history"`` or ``"stream"``.
        fingerprint: 32 hex digits that last when lines move.
        finding_id: Id of the finding in the store.
        incident_id: The incident it belongs to.
        rule: Which rule.
        title: What it is.
        severity: OCSF scale.
        confidence: Probability that it is true, in [0, 1].
        path: Where.
        line: Line from 1; 0 when unknown.
        excerpt: The line, masked.
        mark: First and last (exclusive) character meant in ``excerpt``.
        digest: SHA-256, hex, over the artefact's bytes when it was last seen; empty when unknown.
        secret: The secret's own fingerprint; empty for other findings.
        detail: What was seen.
        remedy: What to do.
        techniques: Technique ids it may be a trace of.
        first_ns: When it was first seen, nanoseconds since 1970 UTC; also carries the finding's identity.
        last_ns: When it was last seen.
        closed_ns: When it was no longer there; 0 while it stands.
        reason: Why it is closed.
    """

    tenant: str
    target: str
    mode: str
    fingerprint: str
    finding_id: str
    incident_id: str = ""
    rule: str
    title: str
    severity: Severity
    confidence: float
    path: str
    line: int = 0
    excerpt: str = ""
    mark: tuple[int, int] = (0, 0)
    digest: str = ""
    secret: str = ""
    detail: str = ""
    remedy: str = ""
    techniques: tuple[str, ...] = ()
    first_ns: int
    last_ns: int
    closed_ns: int = 0
    reason: str = ""

    @property
    def stands(self) -> bool:
        """Whether it was there when last looked for."""
        return not self.closed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which sightings to list.

    Args:
        target: Only of this; empty takes all.
        rule: Only of rules that begin so.
        path: Only where the path holds this text.
        least: Only this severe or worse.
        closed: None lists both, True only what is closed, False only what stands.
    """

    target: str = ""
    rule: str = ""
    path: str = ""
    least: Severity = Severity.UNKNOWN
    closed: bool | None = False


class SightingRows:
    """Sightings by tenant.

    Args:
        engine: The incident store's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, sightings: Sequence[Sighting]) -> None:
        """Write all of it or nothing; what is there already is replaced."""
        with session(self._engine) as db:
            for start in range(0, len(sightings), CHUNK):
                part = sightings[start : start + CHUNK]
                for s in part:
                    db.execute(
                        delete(SIGHTINGS).where(SIGHTINGS.c.tenant == s.tenant, SIGHTINGS.c.finding_id == s.finding_id)
                    )
                db.execute(insert(SIGHTINGS), [_row(s) for s in part])

    def of_target(self, tenant: str, target: str, mode: str) -> dict[str, Sighting]:
        """Return everything known of a target, by fingerprint."""
        query = select(SIGHTINGS.c.body).where(
            SIGHTINGS.c.tenant == tenant, SIGHTINGS.c.target == target, SIGHTINGS.c.mode == mode
        )
        with session(self._engine, reads=True) as db:
            found = [_decoded(body) for body in db.execute(query).scalars()]
        return {s.fingerprint: s for s in found}

    def get(self, tenant: str, finding_id: str) -> Sighting:
        """Return one sighting by its finding's id.

        Raises:
            BadInputError: The tenant has none of that id.
        """
        query = select(SIGHTINGS.c.body).where(SIGHTINGS.c.tenant == tenant, SIGHTINGS.c.finding_id == finding_id)
        with session(self._engine, reads=True) as db:
            body = db.execute(query).scalar()
        if body is None:
            raise BadInputError(
                "no scan found anything of that id", where=finding_id[:80], hint="see mumetal scan findings"
            )
        return _decoded(body)

    def listed(self, tenant: str, choice: Choice | None = None, limit: int = 200) -> list[Sighting]:
        """Return sightings, what stands first, then the gravest, then by place."""
        query = select(SIGHTINGS.c.body).where(*_chosen(tenant, choice or Choice()))
        order = (SIGHTINGS.c.closed, desc(SIGHTINGS.c.severity), SIGHTINGS.c.path, SIGHTINGS.c.line)
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.order_by(*order).limit(max(0, min(limit, MAX_LISTED)))).scalars().all()
        return [_decoded(body) for body in bodies]

    def counts(self, tenant: str, choice: Choice | None = None) -> dict[str, int]:
        """Return how many sightings each rule has, the most first."""
        number = func.count().label("n")
        query = select(SIGHTINGS.c.rule, number).where(*_chosen(tenant, choice or Choice())).group_by(SIGHTINGS.c.rule)
        with session(self._engine, reads=True) as db:
            return {row.rule: row.n for row in db.execute(query.order_by(desc(number), SIGHTINGS.c.rule))}

    def targets(self, tenant: str) -> list[str]:
        """Return what was scanned."""
        query = select(SIGHTINGS.c.target).where(SIGHTINGS.c.tenant == tenant).distinct().order_by(SIGHTINGS.c.target)
        with session(self._engine, reads=True) as db:
            return list(db.execute(query).scalars())

    def of_incident(self, tenant: str, incident_id: str) -> list[Sighting]:
        """Return the sightings of one incident, what stands first."""
        query = select(SIGHTINGS.c.body).where(SIGHTINGS.c.tenant == tenant, SIGHTINGS.c.incident_id == incident_id)
        with session(self._engine, reads=True) as db:
            return [_decoded(body) for body in db.execute(query.order_by(SIGHTINGS.c.closed)).scalars()]


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
        "mode": s.mode,
        "incident_id": s.incident_id,
        "rule": s.rule,
        "severity": int(s.severity),
        "path": s.path,
        "line": s.line,
        "closed": int(not s.stands),
        "body": msgspec.json.encode(s),
    }


def _decoded(body: bytes) -> Sighting:
    try:
        return msgspec.json.decode(body, type=Sighting)
    except msgspec.DecodeError as error:
        raise BadInputError(f"a row of the scans cannot be read: {error}", where="incident store") from None
