"""The whole stack in one process: opened, started, looked at through :class:`~mumetal.app.desk.Desk`, stopped."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from mumetal.access.api import agent_scope, whole_stack_scope
from mumetal.app.desk import Change, Overview
from mumetal.app.ending import Ending
from mumetal.app.inner import InnerHouse
from mumetal.app.models.health import Pace
from mumetal.app.models.live import LiveModels
from mumetal.app.opened import open_parts
from mumetal.app.parts import own_parts
from mumetal.app.pipeline import history
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.app.pipeline.backlog import Backlog
from mumetal.app.pipeline.changes import changes
from mumetal.app.pipeline.disputed import Disputed, disputed
from mumetal.app.pipeline.disputed import findings_of as disputed_findings
from mumetal.app.pipeline.filing import Filing
from mumetal.app.pipeline.intake import SourceRunner, close_source
from mumetal.app.pipeline.judge import Judge, Rooms
from mumetal.app.pipeline.learnt import Learnt
from mumetal.app.pipeline.live import LiveFeed
from mumetal.app.pipeline.newcomers import Newcomers
from mumetal.app.pipeline.outages import Outages
from mumetal.app.pipeline.rates import Rates
from mumetal.app.pipeline.remembering import Remembering
from mumetal.app.pipeline.scorer import Scorer
from mumetal.app.pipeline.store_space import StoreSpace
from mumetal.app.pipeline.watching import watching_parts
from mumetal.app.pipeline.watermarks import Watermarks
from mumetal.app.running_parts import RunningParts
from mumetal.app.settings import Settings
from mumetal.app.verbs import VerbDesk
from mumetal.connect.api import Outbox
from mumetal.core import LOCAL
from mumetal.core.acts import Acts
from mumetal.core.check import LATEST_NS
from mumetal.core.clock import Clock
from mumetal.core.delivery import Delivery, Quarantined, Receipt
from mumetal.core.errors import MumetalError, UnavailableError
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.logs import RoomLogger
from mumetal.core.operation import OperatingState
from mumetal.core.part import Part, Running
from mumetal.core.ports import Authorizer, Ledger, Sink, Source, Store, Truth
from mumetal.core.records import Records, SightingRecords
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.respond.api import Inventory, Triage
from mumetal.trust.api import ApprovalDemand, LedgerWatch, SignedFolder
from mumetal.watch.api import TimingCodes

ADMIT_S = 2.0
DOOR_WAIT_S = 3_600.0
TICK_S = 1.0
MAINTAIN_S = 60.0
JOIN_S = 10.0
EVENTS = 100_000
OUTBOX_AGENT, DESK_AGENT = "mumetal.outbox", "mumetal.desk"
_log = RoomLogger("app")


class Stack:
    """One process that reads, commits, watches, judges and hands over.

    It closes its sources and sinks, which nobody else uses, also where it cannot be made. Once made it is left by
    ``__exit__``, entered or not. What it is handed to stand on, the store, the records and the ledger, is closed by
    whoever opened it, after the stack.

    Args:
        settings: What was set.
        clock: Time.
        store: Telemetry and events.
        records: What is known and was decided.
        inventory: Workloads and how critical they are.
        ledger: Where decisions are written.
        authorizer: Who decides.
        models: The models it watches with; none where nothing is given.
        pace: How often their health is looked at.
        sources: What to read, with the tenant each reads for.
        sinks: Where findings go, by name.
        calibrations: What explains a change of calibration; without it none is asked for.
        upkeep: Looks after the ledger; without it somebody else does.
        demand: Whose approval a verb needs that asks for one.
        parts: What it is made of; the package's own where none are given.
        notice: What a reader of the pages should know of this run.
        truth: What a twin really did; nothing when none runs.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        store: Store,
        records: Records,
        inventory: Inventory,
        ledger: Ledger,
        authorizer: Authorizer,
        models: LiveModels | None = None,
        pace: Pace | None = None,
        sources: Sequence[tuple[Source, str]] = (),
        sinks: Sequence[tuple[str, Sink]] = (),
        calibrations: SignedFolder | None = None,
        codes: TimingCodes | None = None,
        upkeep: LedgerWatch | None = None,
        demand: ApprovalDemand | None = None,
        parts: Sequence[Part] | None = None,
        notice: str = "",
        truth: Callable[[], Sequence[Truth]] = tuple,
    ) -> None:
        self._ending = Ending()
        for _, sink in sinks:
            self._ending.then(sink.close)
        for source, tenant in sources:
            self._ending.then(partial(close_source, source, tenant))
        with self._ending.where_it_fails():
            self._clock = clock
            self._alerts_per_week, self._codes = settings.watch.alerts_per_week, codes
            self._notice = notice
            self._truth = truth
            self.ledger = ledger
            self.models = models if models is not None else LiveModels()
            directory = Path(settings.store.directory)
            self.store, self._incidents = store, records
            own = [part.part_id for part in own_parts()]
            chosen = own_parts() if parts is None else tuple(parts)
            triage = Triage(settings.triage, inventory)
            history.restore(triage, self._incidents)
            self._feed = LiveFeed()
            self._rates = Rates()
            self._newcomers = Newcomers(store, settings.store.max_streams, self.report, clock)
            self._space = StoreSpace(store, directory, settings.store.reserve_mib, self.report, clock)
            self.backlog = Backlog(clock)
            self._marks = Watermarks(directory / "scored.json", clock)
            self._fitting = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fitting")
            self._ending.then(partial(self._fitting.shutdown, cancel_futures=True))
            whole = whole_stack_scope(OUTBOX_AGENT)
            self.outboxes = [Outbox(self._incidents.outbox, name, sink, clock, whole) for name, sink in sinks]
            self._sinks = [sink for _, sink in sinks]
            rooms = Rooms(
                store=self.store,
                incidents=self._incidents,
                triage=triage,
                ledger=ledger,
                authorizer=authorizer,
                clock=clock,
            )
            self._judge = Judge(rooms)
            self.filing = Filing(rooms, self._judge)
            self.error: BaseException | None = None
            self.failed = clock.flag()
            budget = SharedBudget(settings.watch.alerts_per_week)
            house = InnerHouse(
                folder=directory,
                settings=None,
                clock=clock,
                store=self.store,
                records=self._incidents,
                tables=self._incidents.tables("core"),
                ledger=ledger,
                authorizer=authorizer,
                budget=budget,
                report=self.report,
                background=self._fitting,
                models=self.models,
                pace=pace,
                failed=self._fail,
                upkeep=upkeep,
                signed=calibrations,
                codes=codes,
                filing=self.filing,
            )
            self.parts = open_parts(chosen, house, settings, own)
            self._living = RunningParts(self.parts, self.report, self._incidents.log, clock, own)
            self._ending.then(self._living.stop)
            self._watch = watching_parts(
                self.parts, own, history.SceneReader(self.store).scene, budget, clock, settings.store.lateness_s
            )
            self.verbs = VerbDesk(self.parts, Acts(ledger, authorizer, clock), self._incidents, demand, clock)
            learnt = Learnt(directory / "learnt.state", clock, self._fitting)
            self._remembering = Remembering(self._watch, self.store, self._incidents, self._marks, self._judge, learnt)
            self.scorer = Scorer(
                self._watch, self._judge, self.backlog, self._feed, self._marks, clock, self._fail, self._remembering
            )
            over = Outages(records, self._judge).over
            self._runners = [
                SourceRunner(
                    source, tenant, self.store.cursor(source.name), self._commit_patiently, self.report, clock, over
                )
                for source, tenant in sources
            ]
            self._stopping = clock.flag()
            self._maintainer = clock.thread(self._maintain, "maintenance")

    def __enter__(self) -> Self:
        with self._ending.where_it_fails():
            self._begin()
        return self

    def _begin(self) -> None:
        """Start everything, and note how each is ended: in the opposite order, the marks when all is scored."""
        then = self._ending.then
        then(self._tell_stopped)
        for box in self.outboxes:
            box.start()
            then(box.stop)
        then(self._feed.stop)
        self._judge.take(self._remembering.start())
        then(partial(self._marks.save, now=True))
        self.scorer.start()
        then(self.scorer.join)
        then(self.backlog.close)
        for runner in self._runners:
            runner.start()
            then(runner.stop)
        then(self._living.stop)
        self._living.start()
        self._maintainer.start()
        then(partial(self._maintainer.join, timeout=JOIN_S))
        then(self._stopping.set)
        _log.info("stack.started", sources=len(self._runners), sinks=len(self._sinks), models=len(self.models.loaded()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.run(error)

    def _tell_stopped(self) -> None:
        _log.info("stack.stopped", rows=self._rates.rows, refused=self._rates.quarantined, failed=self.failed.is_set())

    def _fail(self, error: BaseException) -> None:
        _log.failure("stack.failed", error)
        self.error = error
        self.failed.set()

    @property
    def running(self) -> dict[str, Running]:
        """What runs of each part, by id."""
        return {o.part.part_id: o.running for o in self.parts if o.running is not None}

    def report(self, finding: Finding) -> None:
        """Take a finding in from beside the scoring."""
        self.scorer.report(finding)

    def _maintain(self) -> None:
        last = self._clock.monotonic_ns()
        try:
            while not self._stopping.wait(TICK_S):
                self._living.run_due()
                if self._clock.monotonic_ns() - last >= MAINTAIN_S * 1e9:
                    self._space.compact()
                    last = self._clock.monotonic_ns()
        except BaseException as caught:
            self._fail(caught)
            raise

    def _commit(self, delivery: Delivery, wait_s: float) -> Receipt:
        try:
            self.backlog.admit(wait_s)
            self._space.demand()
            delivery = self._newcomers.admitted(delivery)
            receipt = self.store.append(delivery)
        except MumetalError as error:
            _log.warning("commit.refused", source=delivery.source, tenant=delivery.tenant, reason=str(error))
            raise
        at_ns = self._clock.monotonic_ns()
        self._rates.note(receipt, len(delivery.quarantined), at_ns / 1e9)
        self.backlog.put(receipt.sequence, receipt.fresh, at_ns)
        if receipt.again:
            self._compare(delivery, receipt, at_ns)
        _log.debug(
            "commit.done",
            source=delivery.source,
            frame=receipt.sequence,
            values=receipt.values,
            refused=len(delivery.quarantined),
        )
        return receipt

    def _compare(self, delivery: Delivery, receipt: Receipt, at_ns: int) -> None:
        """Tell of rows that came again with other values, and have them judged as what came late; the first stay stored."""
        try:
            other = disputed(self.store, receipt.again)
        except UnavailableError:  # the delivery is durable all the same
            other = Disputed(unread=sum(map(len, receipt.again)))
        if other.now:
            for finding in disputed_findings(delivery, other):
                self.report(finding)
            self.backlog.put(receipt.sequence, other.now, at_ns)
        if other.unread:
            _log.warning("commit.not_compared", source=delivery.source, tenant=delivery.tenant, rows=other.unread)

    def _commit_patiently(self, delivery: Delivery) -> Receipt:
        return self._commit(delivery, DOOR_WAIT_S)

    @property
    def sightings(self) -> SightingRecords:
        """What scans found."""
        return self._incidents.sightings

    @property
    def values_total(self) -> int:
        """Values committed since the start."""
        return self._rates.values

    # --- Desk ---

    def push(self, delivery: Delivery) -> Receipt:
        """Commit a pushed delivery; durable when it returns."""
        return self._commit(delivery, ADMIT_S)

    def overview(self, tenant: str) -> Overview:
        """Return the fleet in one glance."""
        now_ns = self._clock.now_ns()
        found = self._incidents.incidents(agent_scope(tenant, DESK_AGENT))
        status = [s for s in self._watch.status() if s.tenant == tenant]
        devices = sorted(device for owner, device in self.store.calibrated() if owner == tenant)
        snapshots = [s for device in devices for s in self.store.snapshots(tenant, device, 2)]
        return Overview(
            now_ns=now_ns,
            streams=tuple(status),
            rows_total=self._rates.rows,
            values_per_s=self._rates.values_per_s(self._clock.monotonic_ns() / 1e9),
            quarantined=self._rates.quarantined,
            changes=changes(found, snapshots, self._rates.quarantined, now_ns),
            alerts_per_week=self._alerts_per_week,
            codes=self._codes,
            notice=" ".join(filter(None, (self._notice, self.models.words if tenant == LOCAL else ""))),
        )

    def incidents(self, tenant: str, state: IncidentState | None = None, limit: int = 100) -> Sequence[Incident]:
        """Return incidents, highest priority first; unexplained before explained."""
        return self._incidents.incidents(agent_scope(tenant, DESK_AGENT), state, limit)

    def incident(self, tenant: str, incident_id: str) -> Incident:
        """Return one incident."""
        return self._incidents.incident(agent_scope(tenant, DESK_AGENT), incident_id)

    def findings(self, tenant: str, finding_ids: Sequence[str]) -> Sequence[Finding]:
        """Return findings, in the order asked for."""
        return self._incidents.findings(agent_scope(tenant, DESK_AGENT), finding_ids)

    def change(self, scope: Scope, incident_id: str, change: Change) -> Incident:
        """Change an incident: authorised, written to the ledger, then done."""
        return self._judge.change(scope, incident_id, change)

    def series(
        self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int = 2_000
    ) -> Sequence[Series]:
        """Return samples thinned to about ``points`` rows."""
        return self.store.thinned(tenant, device, stream, start_ns, stop_ns, points)

    def live(self, tenant: str, device: str) -> Iterator[Series | None]:
        """Yield samples as they arrive."""
        return self._feed.read(tenant, device)

    def events(self, tenant: str, device: str, start_ns: int, stop_ns: int, limit: int = 200) -> Sequence[Event]:
        """Return a device's events in order of time."""
        found = self.store.events(tenant, start_ns, stop_ns, EVENTS)
        return [e for e in found if e.device in {device, "-"}][-limit:]

    def states(self, tenant: str, device: str) -> Sequence[OperatingState]:
        """Return what a device has been doing, oldest first."""
        return self._incidents.states.listed(agent_scope(tenant, DESK_AGENT), device)

    def snapshots(
        self, tenant: str, device: str, limit: int = 10, until_ns: int = LATEST_NS
    ) -> Sequence[DeviceSnapshot]:
        """Return a device's newest snapshots before ``until_ns``, oldest first."""
        return self.store.snapshots(tenant, device, limit, until_ns)

    def quarantine(self, tenant: str, limit: int = 100) -> Sequence[Quarantined]:
        """Return refused input, newest first."""
        return self.store.quarantine(tenant, limit)

    def truth(self) -> Sequence[Truth]:
        """Return what the twin really did."""
        return self._truth()
