"""What still has to go out, per sink, in order: rows of the incident store."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from mumetal.connect.stores.records.engine import session
from mumetal.connect.stores.records.tables import OUTBOX
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident
from mumetal.core.logs import RoomLogger
from mumetal.core.records import DeadLetter, OutboxItem

MAX_WAITING = 100_000
MAX_DEAD = 10_000
_log = RoomLogger("connect")
FULL = "the outbox was full: the receiver was away for too long"


class OutboxRows:
    """The queue of every sink.

    Args:
        engine: The incident store's.
        max_waiting: Most items that wait for one sink; past it the oldest become dead letters, which are counted.
    """

    def __init__(self, engine: Engine, *, max_waiting: int = MAX_WAITING) -> None:
        self._engine = engine
        self.max_waiting = max_waiting

    def add(self, db: Connection, sink: str, items: Sequence[tuple[str, str, str, bytes]]) -> None:
        """Queue (kind, tenant, id, body) for a sink, inside the caller's transaction."""
        if not items:
            return
        db.execute(
            insert(OUTBOX),
            [
                {"sink": sink, "kind": kind, "tenant": tenant, "item_id": item_id, "body": body, "dead": 0, "error": ""}
                for kind, tenant, item_id, body in items
            ],
        )
        excess = self._count(db, sink, dead=False) - self.max_waiting
        if excess > 0:
            oldest = select(OUTBOX.c.seq).where(OUTBOX.c.sink == sink, OUTBOX.c.dead == 0).order_by(OUTBOX.c.seq)
            db.execute(update(OUTBOX).where(OUTBOX.c.seq.in_(oldest.limit(excess))).values(dead=1, error=FULL))
            self._thin(db, sink)
            _log.warning("outbox.full", sink=sink, dead_letters=excess)

    def next(self, scope: Scope, sink: str, limit: int) -> list[OutboxItem]:
        """Return the oldest waiting items; one that cannot be read becomes a dead letter at once."""
        scope.demand_whole()
        query = select(OUTBOX).where(OUTBOX.c.sink == sink, OUTBOX.c.dead == 0).order_by(OUTBOX.c.seq).limit(limit)
        with session(self._engine, reads=True) as db:
            rows = db.execute(query).all()
        out: list[OutboxItem] = []
        for row in rows:
            kind: type[Finding | Incident] = Finding if row.kind == "finding" else Incident
            try:
                out.append(OutboxItem(seq=row.seq, item=msgspec.json.decode(row.body, type=kind)))
            except (msgspec.DecodeError, BadInputError) as error:
                self.bury(scope, row.seq, f"cannot be read: {error}")
        return out

    def delivered(self, scope: Scope, sink: str, seqs: Sequence[int]) -> None:
        """Forget items that the receiver has."""
        scope.demand_whole()
        with session(self._engine) as db:
            for start in range(0, len(seqs), 500):
                chunk = seqs[start : start + 500]
                db.execute(delete(OUTBOX).where(OUTBOX.c.sink == sink, OUTBOX.c.seq.in_(chunk), OUTBOX.c.dead == 0))

    def bury(self, scope: Scope, seq: int, error: str) -> None:
        """Make an item a dead letter."""
        scope.demand_whole()
        with session(self._engine) as db:
            db.execute(update(OUTBOX).where(OUTBOX.c.seq == seq).values(dead=1, error=error[:1_000]))
            sink = db.execute(select(OUTBOX.c.sink).where(OUTBOX.c.seq == seq)).scalar()
            _log.warning("outbox.dead_letter", sink=sink, item=seq, reason=error)
            if sink is not None:
                self._thin(db, sink)

    def waiting(self, scope: Scope, sink: str) -> int:
        """Return how many items wait."""
        scope.demand_whole()
        with session(self._engine, reads=True) as db:
            return self._count(db, sink, dead=False)

    def dead(self, scope: Scope, sink: str, limit: int = 100) -> list[DeadLetter]:
        """Return a tenant's dead letters of a sink, newest first; the newest 10,000 of a sink are kept."""
        tenant = scope.one_tenant()
        query = select(OUTBOX).where(OUTBOX.c.sink == sink, OUTBOX.c.tenant == tenant, OUTBOX.c.dead == 1)
        with session(self._engine, reads=True) as db:
            return [
                DeadLetter(seq=r.seq, tenant=r.tenant, kind=r.kind, item_id=r.item_id, error=r.error)
                for r in db.execute(query.order_by(OUTBOX.c.seq.desc()).limit(limit))
            ]

    def _thin(self, db: Connection, sink: str) -> None:
        excess = self._count(db, sink, dead=True) - MAX_DEAD
        if excess > 0:
            oldest = select(OUTBOX.c.seq).where(OUTBOX.c.sink == sink, OUTBOX.c.dead == 1).order_by(OUTBOX.c.seq)
            db.execute(delete(OUTBOX).where(OUTBOX.c.seq.in_(oldest.limit(excess))))

    @staticmethod
    def _count(db: Connection, sink: str, *, dead: bool) -> int:
        query = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.sink == sink, OUTBOX.c.dead == int(dead))
        return db.execute(query).scalar_one()
