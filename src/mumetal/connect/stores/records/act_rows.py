"""Acts and what came of them: one row each, whole in its body."""

from sqlalchemy import Engine, desc, select

from mumetal.connect.stores.records.bodies import decoded, encoded
from mumetal.connect.stores.records.engine import session, upsert
from mumetal.connect.stores.records.log_rows import LogLine, LogRows
from mumetal.connect.stores.records.tables import ACTS
from mumetal.core.act import ActLine, ActRecord, ActState
from mumetal.core.identity import Scope
from mumetal.core.record import RecordKind

MAX_LISTED = 10_000
KINDS = {
    ActState.BEGUN: RecordKind.ACT_BEGUN,
    ActState.DONE: RecordKind.ACT_DONE,
    ActState.FAILED: RecordKind.ACT_DONE,
    ActState.UNDONE: RecordKind.ACT_UNDONE,
}


class ActRows:
    """Acts by tenant.

    Args:
        engine: The records' database.
        log: Where changes are written.
    """

    def __init__(self, engine: Engine, log: LogRows) -> None:
        self._engine, self._log = engine, log

    def put(self, scope: Scope, record: ActRecord) -> None:
        """Write an act as it is now; its log line is of the kind that its state says."""
        scope.demand(record.tenant)
        row = {
            "tenant": record.tenant,
            "act_id": record.act_id,
            "t_ns": record.t_ns,
            "body": encoded(record, record.act_id),
        }
        short = encoded(ActLine(verb=record.act.verb, state=record.state, said=record.said[:300]), record.act_id)
        with session(self._engine) as db:
            upsert(db, ACTS, [row])
            self._log.write(db, scope, [LogLine(kind=KINDS[record.state], subject=record.act_id, body=short)])

    def get(self, scope: Scope, act_id: str) -> ActRecord | None:
        """Return one act; None when the tenant has none of that id."""
        query = select(ACTS.c.body).where(ACTS.c.tenant == scope.one_tenant(), ACTS.c.act_id == act_id)
        with session(self._engine, reads=True) as db:
            body = db.execute(query).scalar()
        return None if body is None else decoded(body, ActRecord)

    def listed(self, scope: Scope, limit: int = 200) -> list[ActRecord]:
        """Return acts, newest first."""
        query = select(ACTS.c.body).where(ACTS.c.tenant == scope.one_tenant()).order_by(desc(ACTS.c.t_ns))
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.limit(max(0, min(limit, MAX_LISTED)))).scalars().all()
        return [decoded(body, ActRecord) for body in bodies]
