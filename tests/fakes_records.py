"""Records in memory, as slow and obvious as possible; every promise of the port holds for them too."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from mumetal.core import check
from mumetal.core.act import ActLine, ActRecord, ActState
from mumetal.core.check import LATEST_NS
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident, IncidentState, Label, LabelGiven
from mumetal.core.operation import Asset, Job, JobState, OperatingState
from mumetal.core.record import LOG_ONLY, Record, RecordKind
from mumetal.core.records import (
    ActRecords,
    AssetRecords,
    DeadLetter,
    JobRecords,
    OutboxItem,
    OutboxRecords,
    PartTables,
    RecordLog,
    SightingRecords,
    StateRecords,
)
from mumetal.core.sighting import Choice, Sighting

N = TypeVar("N", Job, Asset)
STANDING = {IncidentState.EXPLAINED: 1, IncidentState.RESOLVED: 2}


class FakeLog:
    """A list, and a dictionary of positions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: list[Record] = []
        self._positions: dict[tuple[str, str], int] = {}

    def write(self, scope: Scope, kind: RecordKind, subject: str, body: bytes, correlation: str = "") -> int:
        who = scope.principal
        record = Record(
            sequence=len(self._kept) + 1,
            kind=kind,
            tenant=scope.one_tenant(),
            t_ns=self._clock.now_ns(),
            subject=subject,
            principal=who.name,
            principal_kind=who.kind,
            on_behalf_of=who.on_behalf_of.name if who.on_behalf_of else "",
            correlation=correlation,
            body=body,
        )
        self._kept.append(record)
        return record.sequence

    def append(self, scope: Scope, kind: RecordKind, subject: str, body: bytes, correlation: str = "") -> int:
        if kind not in LOG_ONLY:
            raise BadInputError("write the noun")
        return self.write(scope, kind, subject, body, correlation)

    def after(self, scope: Scope, cursor: int, limit: int = 1_000, kinds: Sequence[RecordKind] = ()) -> list[Record]:
        mine = [r for r in self._kept if r.sequence > cursor and (scope.whole or r.tenant == scope.tenant)]
        return [r for r in mine if not kinds or r.kind in kinds][:limit]

    def missed(self, scope: Scope, cursor: int) -> bool:
        return False

    def cursor(self, scope: Scope, name: str) -> int:
        return self._positions.get((scope.tenant, name), 0)

    def advance(self, scope: Scope, name: str, sequence: int) -> None:
        check.name(name, "reader")
        key = scope.tenant, name
        readers = [k for k in self._positions if k[0] == scope.tenant]
        if sequence > len(self._kept) or (key not in self._positions and len(readers) >= 100):
            raise BadInputError("too far, or too many")
        self._positions[key] = max(sequence, self._positions.get(key, 0))


class FakeSightings:
    """Sightings in a dictionary."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self._kept: dict[tuple[str, str], Sighting] = {}

    def _mine(self, scope: Scope) -> list[Sighting]:
        tenant = scope.one_tenant()
        return [s for (owner, _), s in self._kept.items() if owner == tenant]

    def put(self, scope: Scope, sightings: Sequence[Sighting]) -> None:
        for s in sightings:
            scope.demand(s.tenant)
        for s in sightings:
            before = self._kept.get((s.tenant, s.finding_id))
            self._kept[s.tenant, s.finding_id] = s
            if before is None or (before.stands, before.incident_id) != (s.stands, s.incident_id):
                body = msgspec.json.encode(s)
                self._log.write(scope, RecordKind.SIGHTING_CHANGED, s.finding_id, body, s.incident_id)

    def of_target(self, scope: Scope, target: str, mode: str, repository: str = "") -> dict[str, Sighting]:
        mine = [s for s in self._mine(scope) if (s.mode, s.repository) == (mode, repository)]
        return {s.fingerprint: s for s in mine if repository or s.target == target}

    def get(self, scope: Scope, finding_id: str) -> Sighting:
        return _only([s for s in self._mine(scope) if s.finding_id == finding_id])

    def listed(self, scope: Scope, choice: Choice | None = None, limit: int = 200) -> list[Sighting]:
        c = choice or Choice()
        chosen = [
            s
            for s in self._mine(scope)
            if (not c.target or s.target == c.target)
            and s.rule.startswith(c.rule)
            and c.path in s.path
            and s.severity >= c.least
            and (c.closed is None or c.closed is not s.stands)
        ]
        return sorted(chosen, key=lambda s: (not s.stands, -s.severity, s.path, s.line))[:limit]

    def counts(self, scope: Scope, choice: Choice | None = None) -> dict[str, int]:
        rules = [s.rule for s in self.listed(scope, choice, 10**9)]
        return dict(sorted({r: rules.count(r) for r in rules}.items(), key=lambda kv: (-kv[1], kv[0])))

    def targets(self, scope: Scope) -> list[str]:
        return sorted({s.target for s in self._mine(scope)})

    def of_incident(self, scope: Scope, incident_id: str) -> list[Sighting]:
        return sorted((s for s in self._mine(scope) if s.incident_id == incident_id), key=lambda s: not s.stands)


class FakeOutbox:
    """One list for all sinks."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, str, Finding | Incident]] = []
        self._dead: list[tuple[str, DeadLetter]] = []
        self._seq = 0

    def add(self, sink: str, item: Finding | Incident) -> None:
        self._seq += 1
        self.kept.append((self._seq, sink, item))

    def next(self, scope: Scope, sink: str, limit: int) -> list[OutboxItem]:
        scope.demand_whole()
        return [OutboxItem(seq=n, item=item) for n, name, item in self.kept if name == sink][:limit]

    def delivered(self, scope: Scope, sink: str, seqs: Sequence[int]) -> None:
        scope.demand_whole()
        self.kept = [k for k in self.kept if k[1] != sink or k[0] not in seqs]

    def bury(self, scope: Scope, seq: int, error: str) -> None:
        scope.demand_whole()
        for n, sink, item in [k for k in self.kept if k[0] == seq]:
            kind, name = ("finding", item.finding_id) if isinstance(item, Finding) else ("incident", item.incident_id)
            self._dead.append((sink, DeadLetter(seq=n, tenant=item.tenant, kind=kind, item_id=name, error=error)))
        self.kept = [k for k in self.kept if k[0] != seq]

    def waiting(self, scope: Scope, sink: str) -> int:
        scope.demand_whole()
        return sum(name == sink for _, name, _ in self.kept)

    def dead(self, scope: Scope, sink: str, limit: int = 100) -> list[DeadLetter]:
        tenant = scope.one_tenant()
        return [d for name, d in reversed(self._dead) if name == sink and d.tenant == tenant][:limit]


class FakeStates:
    """States in a dictionary."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self._kept: dict[tuple[str, str, int], OperatingState] = {}

    def put(self, scope: Scope, states: Sequence[OperatingState]) -> None:
        for s in states:
            scope.demand(s.tenant)
        for s in states:
            self._kept[s.tenant, s.device, s.entered_ns] = s
            self._log.write(scope, RecordKind.STATE_ENTERED, s.device, msgspec.json.encode(s))

    def at(self, scope: Scope, device: str, t_ns: int) -> OperatingState | None:
        return next(reversed(self.listed(scope, device, 0, t_ns + 1, 10**9)), None)

    def listed(
        self, scope: Scope, device: str, start_ns: int = 0, stop_ns: int = LATEST_NS, limit: int = 1_000
    ) -> list[OperatingState]:
        tenant = scope.one_tenant()
        found = [s for (t, d, n), s in self._kept.items() if (t, d) == (tenant, device) and start_ns <= n < stop_ns]
        return sorted(found, key=lambda s: s.entered_ns)[:limit]


class _Newest(Generic[N]):
    """Nouns by id, the newest of each."""

    def __init__(self, log: FakeLog, kind: RecordKind) -> None:
        self._log, self._kind = log, kind
        self._kept: dict[tuple[str, str], N] = {}

    def put(self, scope: Scope, nouns: Sequence[N]) -> None:
        for noun in nouns:
            scope.demand(noun.tenant)
        for noun in nouns:
            key = noun.tenant, self._id(noun)
            before = self._kept.get(key)
            if before is None or self._time(before) <= self._time(noun):
                self._kept[key] = noun
                self._log.write(scope, self._kind, key[1], msgspec.json.encode(noun))

    def get(self, scope: Scope, noun_id: str) -> N:
        return _only([n for n in self._mine(scope) if self._id(n) == noun_id])

    def _mine(self, scope: Scope) -> list[N]:
        tenant = scope.one_tenant()
        return [n for (owner, _), n in self._kept.items() if owner == tenant]

    @staticmethod
    def _id(noun: Job | Asset) -> str:
        return noun.job_id if isinstance(noun, Job) else noun.asset_id

    @staticmethod
    def _time(noun: Job | Asset) -> int:
        return noun.t_ns if isinstance(noun, Job) else noun.last_ns


class FakeJobs(_Newest[Job]):
    """Jobs in a dictionary."""

    def listed(self, scope: Scope, device: str = "", state: JobState | None = None, limit: int = 1_000) -> list[Job]:
        found = [j for j in self._mine(scope) if device in {"", j.device} and state in {None, j.state}]
        return sorted(found, key=lambda j: (-j.t_ns, j.job_id))[:limit]


class FakeAssets(_Newest[Asset]):
    """Assets in a dictionary."""

    def listed(self, scope: Scope, kind: str = "", limit: int = 1_000) -> list[Asset]:
        return sorted((a for a in self._mine(scope) if kind in {"", a.kind}), key=lambda a: a.asset_id)[:limit]


class FakeActs:
    """Acts in a dictionary."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self._kept: dict[tuple[str, str], ActRecord] = {}

    def put(self, scope: Scope, record: ActRecord) -> None:
        scope.demand(record.tenant)
        self._kept[record.tenant, record.act_id] = record
        kinds = {ActState.BEGUN: RecordKind.ACT_BEGUN, ActState.UNDONE: RecordKind.ACT_UNDONE}
        body = msgspec.json.encode(ActLine(verb=record.act.verb, state=record.state, said=record.said[:300]))
        self._log.write(scope, kinds.get(record.state, RecordKind.ACT_DONE), record.act_id, body)

    def get(self, scope: Scope, act_id: str) -> ActRecord | None:
        return self._kept.get((scope.one_tenant(), act_id))

    def listed(self, scope: Scope, limit: int = 200) -> list[ActRecord]:
        found = [r for (tenant, _), r in self._kept.items() if tenant == scope.one_tenant()]
        return sorted(found, key=lambda r: -r.t_ns)[:limit]


class FakeTables:
    """A part's tables that hold nothing."""

    def read(self, statement: str, **values: object) -> Sequence[tuple[object, ...]]:
        return []

    def write(self, statement: str, **values: object) -> None: ...


class FakeRecords:
    """All of it."""

    def __init__(self, clock: Clock, sinks: Sequence[str] = ()) -> None:
        self._clock, self._sinks = clock, sinks
        self._log, self._box = FakeLog(clock), FakeOutbox()
        self.log: RecordLog = self._log
        self.sightings: SightingRecords = FakeSightings(self._log)
        self.outbox: OutboxRecords = self._box
        self.states: StateRecords = FakeStates(self._log)
        self.jobs: JobRecords = FakeJobs(self._log, RecordKind.JOB_CHANGED)
        self.assets: AssetRecords = FakeAssets(self._log, RecordKind.ASSET_CHANGED)
        self.acts: ActRecords = FakeActs(self._log)
        self._findings: dict[tuple[str, str], Finding] = {}
        self._incidents: dict[tuple[str, str], Incident] = {}
        self._labels: list[LabelGiven] = []
        self._users: set[tuple[str, str]] = set()

    def put(self, scope: Scope, findings: Sequence[Finding], incidents: Sequence[Incident]) -> None:
        for noun in (*findings, *incidents):
            scope.demand(noun.tenant)  # type: ignore[attr-defined]
        for f in findings:
            home = next((i.incident_id for i in incidents if f.finding_id in i.findings), "")
            self._findings[f.tenant, f.finding_id] = f
            self._log.write(scope, RecordKind.FINDING_RAISED, f.finding_id, msgspec.json.encode(f), home)
        for i in incidents:
            self._incidents[i.tenant, i.incident_id] = i
            self._log.write(scope, RecordKind.INCIDENT_CHANGED, i.incident_id, msgspec.json.encode(i), i.incident_id)
        for i in incidents:
            self._say(scope, i)
        for sink in self._sinks:
            for item in (*findings, *incidents):
                self._box.add(sink, item)  # type: ignore[arg-type]

    def _say(self, scope: Scope, i: Incident) -> None:
        before = [g.label for g in self._labels if (g.tenant, g.incident_id) == (i.tenant, i.incident_id)]
        if i.label is (before[-1] if before else Label.UNKNOWN):
            return
        said = [e for e in i.timeline if f"label {i.label}" in e.what]
        given = LabelGiven(
            tenant=i.tenant,
            incident_id=i.incident_id,
            label=i.label,
            t_ns=said[-1].t_ns if said else self._clock.now_ns(),
            actor=said[-1].actor if said else scope.principal.name,
            basis=scope.principal.kind.value,
        )
        self._labels.append(given)
        self._log.write(scope, RecordKind.LABEL_GIVEN, i.incident_id, msgspec.json.encode(given), i.incident_id)

    def incident(self, scope: Scope, incident_id: str) -> Incident:
        return _only([i for (t, n), i in self._incidents.items() if (t, n) == (scope.one_tenant(), incident_id)])

    def incidents(self, scope: Scope, state: IncidentState | None = None, limit: int = 100) -> list[Incident]:
        tenant = scope.one_tenant()
        found = [i for (t, _), i in self._incidents.items() if t == tenant and state in {None, i.state}]
        order = sorted(found, key=lambda i: (STANDING.get(i.state, 0), -i.priority, -i.stop_ns, i.incident_id))
        return order[:limit]

    def open_for(self, scope: Scope) -> list[Incident]:
        found = [i for i in self.incidents(scope, limit=10**9) if i.state is not IncidentState.RESOLVED]
        return sorted(found, key=lambda i: (i.stop_ns, i.incident_id))

    def findings(self, scope: Scope, finding_ids: Sequence[str]) -> list[Finding]:
        tenant = scope.one_tenant()
        return [self._findings[tenant, i] for i in finding_ids if (tenant, i) in self._findings]

    def labels(self, scope: Scope) -> list[LabelGiven]:
        tenant = scope.one_tenant()
        return [g for g in self._labels if g.tenant == tenant]

    def add_user(self, scope: Scope, name: str) -> None:
        key = scope.one_tenant(), name
        if key not in self._users:
            self._users.add(key)
            self._log.write(scope, RecordKind.USER_ADDED, name, b"{}")

    def users(self, scope: Scope) -> list[str]:
        tenant = scope.one_tenant()
        return sorted(n for t, n in self._users if t == tenant)

    def tenants(self, scope: Scope) -> list[str]:
        scope.demand_whole()
        return sorted({t for t, _ in self._incidents})

    def tables(self, prefix: str) -> PartTables:
        return FakeTables()

    def close(self) -> None: ...


T = TypeVar("T")


def _only(found: Sequence[T]) -> T:
    if not found:
        raise BadInputError("there is no such thing")
    return found[0]
