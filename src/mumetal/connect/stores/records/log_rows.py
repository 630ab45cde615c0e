"""The log's rows and its readers' positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from mumetal.connect.stores.records.engine import session, upsert
from mumetal.connect.stores.records.tables import CURSORS, LOG, LOG_HEAD
from mumetal.core import check
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError
from mumetal.core.identity import PrincipalKind, Scope
from mumetal.core.record import LOG_ONLY, Record, RecordKind

KEPT = 1_000_000
SLACK = 1_000
MAX_READ = 10_000
MAX_READERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """What a write says of itself: kind, subject, what ties it to others, and its body as JSON."""

    kind: RecordKind
    subject: str
    body: bytes
    correlation: str = ""


class LogRows:
    """The log.

    Args:
        engine: The records' database.
        clock: Time of each record.
        kept: The newest so many records are kept, of all tenants together; up to 1,000 more until the next thinning.
    """

    def __init__(self, engine: Engine, clock: Clock, *, kept: int = KEPT) -> None:
        self._engine, self._clock = engine, clock
        self.kept = kept

    def write(self, db: Connection, scope: Scope, lines: Sequence[LogLine]) -> int:
        """Write records inside the caller's transaction; returns the place of the last, 0 when there are none.

        Raises:
            BadInputError: A body is too large, or an id too long.
        """
        if not lines:
            return 0
        tenant, who = scope.one_tenant(), scope.principal
        sender = who.on_behalf_of.name if who.on_behalf_of else ""
        t_ns = self._clock.now_ns()
        last = place(db, len(lines))
        made = [
            Record(
                sequence=last - len(lines) + n,
                kind=line.kind,
                tenant=tenant,
                t_ns=t_ns,
                subject=line.subject,
                principal=who.name,
                principal_kind=who.kind,
                on_behalf_of=sender,
                correlation=line.correlation,
                body=line.body,
            )
            for n, line in enumerate(lines, 1)
        ]
        db.execute(insert(LOG), [row_of(r) for r in made])
        thin(db, self.kept)
        return last

    def append(self, scope: Scope, kind: RecordKind, subject: str, body: bytes, correlation: str = "") -> int:
        """Write a record of a kind in ``LOG_ONLY`` and return its place.

        Raises:
            BadInputError: The kind comes with the write of a noun, or the record is too large.
            UnavailableError: Nothing was written.
        """
        if kind not in LOG_ONLY:
            raise BadInputError(f"{kind} comes with the write of its noun", where=subject[:80], hint="write the noun")
        with session(self._engine) as db:
            return self.write(db, scope, [LogLine(kind=kind, subject=subject, body=body, correlation=correlation)])

    def after(self, scope: Scope, cursor: int, limit: int = 1_000, kinds: Sequence[RecordKind] = ()) -> list[Record]:
        """Return the records past ``cursor``, in order; at most 10,000 at once."""
        query = select(LOG).where(LOG.c.sequence > cursor)
        if not scope.whole:
            query = query.where(LOG.c.tenant == scope.tenant)
        if kinds:
            query = query.where(LOG.c.kind.in_([k.value for k in kinds]))
        with session(self._engine, reads=True) as db:
            rows = db.execute(query.order_by(LOG.c.sequence).limit(max(0, min(limit, MAX_READ)))).mappings().all()
        return [
            Record(**{**row, "kind": RecordKind(row["kind"]), "principal_kind": PrincipalKind(row["principal_kind"])})
            for row in rows
        ]

    def missed(self, scope: Scope, cursor: int) -> bool:
        """Say whether records past ``cursor``, of whatever tenant, are no longer kept."""
        del scope  # which tenant's they were is no longer known
        with session(self._engine, reads=True) as db:
            return cursor < int(db.execute(select(LOG_HEAD.c.thinned)).scalar_one())

    def cursor(self, scope: Scope, name: str) -> int:
        """Return a reader's position in this scope; 0 for a reader that never moved."""
        query = select(CURSORS.c.sequence).where(CURSORS.c.tenant == scope.tenant, CURSORS.c.name == name)
        with session(self._engine, reads=True) as db:
            return db.execute(query).scalar() or 0

    def advance(self, scope: Scope, name: str, sequence: int) -> None:
        """Move a reader's position; it never moves back.

        Raises:
            BadInputError: The name is none, the log does not go that far, or the scope has 100 readers already.
        """
        check.name(name, "reader")
        mine = CURSORS.c.tenant == scope.tenant
        with session(self._engine) as db:
            if sequence > db.execute(select(LOG_HEAD.c.last)).scalar_one():
                raise BadInputError("the log does not go that far", where=name, hint="give the place of a record read")
            known = db.execute(select(CURSORS.c.sequence).where(mine, CURSORS.c.name == name)).scalar()
            if known is None:
                readers = db.execute(select(func.count()).select_from(CURSORS).where(mine)).scalar_one()
                if readers >= MAX_READERS:
                    raise BadInputError(
                        f"a tenant has at most {MAX_READERS} readers of the log", where=name, hint="use a name again"
                    )
            if sequence > (known or 0):
                upsert(db, CURSORS, [{"tenant": scope.tenant, "name": name, "sequence": sequence}])


def place(db: Connection, count: int) -> int:
    """Give out the next ``count`` places and return the last; whoever writes next waits for this transaction."""
    db.execute(update(LOG_HEAD).values(last=LOG_HEAD.c.last + count))
    return int(db.execute(select(LOG_HEAD.c.last)).scalar_one())


def row_of(record: Record) -> dict[str, Any]:
    """Return a record as a row."""
    return {c.name: getattr(record, c.name) for c in LOG.columns}


def thin(db: Connection, kept: int) -> None:
    """Drop what is older than the newest ``kept`` records, once there are 1,000 too many."""
    last, thinned = db.execute(select(LOG_HEAD.c.last, LOG_HEAD.c.thinned)).one()
    if last - thinned <= kept + SLACK:
        return
    db.execute(delete(LOG).where(LOG.c.sequence <= last - kept))
    db.execute(update(LOG_HEAD).values(thinned=last - kept))
