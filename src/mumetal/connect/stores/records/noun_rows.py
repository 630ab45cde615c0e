"""Jobs, operating states and assets: one row each, whole in its body."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Table, desc, select

from mumetal.connect.stores.records.bodies import decoded, encoded
from mumetal.connect.stores.records.engine import session, upsert
from mumetal.connect.stores.records.log_rows import LogLine, LogRows
from mumetal.connect.stores.records.tables import ASSETS, JOBS, STATES
from mumetal.core.check import LATEST_NS
from mumetal.core.errors import BadInputError
from mumetal.core.identity import Scope
from mumetal.core.operation import Asset, Job, JobState, OperatingState
from mumetal.core.record import RecordKind

CHUNK = 400
MAX_LISTED = 10_000
N = TypeVar("N", Job, Asset, OperatingState)


class NounRows(Generic[N]):
    """What the three have in common.

    Args:
        engine: The records' database.
        log: Where changes are written.
        table: Their rows.
        kind: What the log calls a change.
        noun: What a row holds.
    """

    def __init__(self, engine: Engine, log: LogRows, table: Table, kind: RecordKind, noun: type[N]) -> None:
        self._engine, self._log, self._table, self._kind = engine, log, table, kind
        self._noun: type[N] = noun

    def _put(self, scope: Scope, nouns: Sequence[N], rows: Sequence[dict[str, Any]], subject: str) -> None:
        for noun in nouns:
            scope.demand(noun.tenant)
        with session(self._engine) as db:
            for start in range(0, len(rows), CHUNK):
                fresh = self._fresh(db, scope, rows[start : start + CHUNK])
                upsert(db, self._table, fresh)
                self._log.write(
                    db, scope, [LogLine(kind=self._kind, subject=r[subject], body=r["body"]) for r in fresh]
                )

    def _fresh(self, db: Connection, scope: Scope, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """Return the rows that are not older than what is known, each key once."""
        if "t_ns" not in self._table.c:
            return rows
        key, t_ns = list(self._table.primary_key.columns)[1], self._table.c.t_ns
        ids = {r[key.name] for r in rows}
        query = select(key, t_ns).where(self._table.c.tenant == scope.one_tenant(), key.in_(ids))
        known: dict[str, int] = {row[0]: row[1] for row in db.execute(query)}
        newest: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["t_ns"] >= known.get(row[key.name], 0):
                known[row[key.name]] = row["t_ns"]
                newest[row[key.name]] = row
        return list(newest.values())

    def _get(self, scope: Scope, key: str, noun_id: str) -> N:
        found = self._read(scope, [self._table.c[key] == noun_id], (), 1)
        if not found:
            name = self._noun.__name__.lower()
            raise BadInputError(
                f"there is no such {name}", where=noun_id[:200], hint="list them to see which there are"
            )
        return found[0]

    def _read(
        self, scope: Scope, chosen: Sequence[ColumnElement[bool]], order: Sequence[ColumnElement[Any]], limit: int
    ) -> list[N]:
        query = select(self._table.c.body).where(self._table.c.tenant == scope.one_tenant(), *chosen).order_by(*order)
        with session(self._engine, reads=True) as db:
            bodies = db.execute(query.limit(max(0, min(limit, MAX_LISTED)))).scalars().all()
        return [decoded(body, self._noun) for body in bodies]


class StateRows(NounRows[OperatingState]):
    """What each device was doing."""

    def __init__(self, engine: Engine, log: LogRows) -> None:
        super().__init__(engine, log, STATES, RecordKind.STATE_ENTERED, OperatingState)

    def put(self, scope: Scope, states: Sequence[OperatingState]) -> None:
        """Write all of it or nothing; a state of the same device and time is replaced."""
        rows = [
            {"tenant": s.tenant, "device": s.device, "entered_ns": s.entered_ns, "body": encoded(s, s.device)}
            for s in states
        ]
        self._put(scope, states, rows, "device")

    def at(self, scope: Scope, device: str, t_ns: int) -> OperatingState | None:
        """Return what a device was doing at a time; None when nothing is known of it."""
        chosen = [STATES.c.device == device, STATES.c.entered_ns <= t_ns]
        return next(iter(self._read(scope, chosen, (desc(STATES.c.entered_ns),), 1)), None)

    def listed(
        self, scope: Scope, device: str, start_ns: int = 0, stop_ns: int = LATEST_NS, limit: int = 1_000
    ) -> list[OperatingState]:
        """Return the states entered with ``start_ns <= entered_ns < stop_ns``, in order of time."""
        t = STATES.c
        chosen = [t.device == device, t.entered_ns >= start_ns, t.entered_ns < stop_ns]
        return self._read(scope, chosen, (t.entered_ns,), limit)


class JobRows(NounRows[Job]):
    """Quantum jobs as they were last heard of."""

    def __init__(self, engine: Engine, log: LogRows) -> None:
        super().__init__(engine, log, JOBS, RecordKind.JOB_CHANGED, Job)

    def put(self, scope: Scope, jobs: Sequence[Job]) -> None:
        """Write all of it or nothing; what is there already is replaced, except by what is older."""
        rows = [
            {
                "tenant": j.tenant,
                "job_id": j.job_id,
                "device": j.device,
                "state": j.state.value,
                "t_ns": j.t_ns,
                "body": encoded(j, j.job_id),
            }
            for j in jobs
        ]
        self._put(scope, jobs, rows, "job_id")

    def get(self, scope: Scope, job_id: str) -> Job:
        """Return one job.

        Raises:
            BadInputError: The tenant has none of that id.
        """
        return self._get(scope, "job_id", job_id)

    def listed(self, scope: Scope, device: str = "", state: JobState | None = None, limit: int = 1_000) -> list[Job]:
        """Return jobs, of all devices and states unless named, the newest first."""
        chosen: list[ColumnElement[bool]] = []
        if device:
            chosen.append(JOBS.c.device == device)
        if state is not None:
            chosen.append(JOBS.c.state == state.value)
        return self._read(scope, chosen, (desc(JOBS.c.t_ns), JOBS.c.job_id), limit)


class AssetRows(NounRows[Asset]):
    """The inventory."""

    def __init__(self, engine: Engine, log: LogRows) -> None:
        super().__init__(engine, log, ASSETS, RecordKind.ASSET_CHANGED, Asset)

    def put(self, scope: Scope, assets: Sequence[Asset]) -> None:
        """Write all of it or nothing; what is there already is replaced, except by what is older."""
        rows = [
            {
                "tenant": a.tenant,
                "asset_id": a.asset_id,
                "kind": a.kind,
                "t_ns": a.last_ns,
                "body": encoded(a, a.asset_id),
            }
            for a in assets
        ]
        self._put(scope, assets, rows, "asset_id")

    def get(self, scope: Scope, asset_id: str) -> Asset:
        """Return one asset.

        Raises:
            BadInputError: The tenant has none of that id.
        """
        return self._get(scope, "asset_id", asset_id)

    def listed(self, scope: Scope, kind: str = "", limit: int = 1_000) -> list[Asset]:
        """Return assets, of all kinds unless named, by id."""
        chosen = [ASSETS.c.kind == kind] if kind else []
        return self._read(scope, chosen, (ASSETS.c.asset_id,), limit)
