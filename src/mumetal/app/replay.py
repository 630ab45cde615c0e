"""Recorded data, once through the live path: the same doors, parts, watchers, causes, budget, bars and judge.

What differs from a running stack: one thread, which also fits; the data's own time, over all tenants, save in the ledger;
nobody is paged; and no part is started, so that nothing acts, asks or hands over.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from operator import itemgetter
from pathlib import Path

import numpy as np

from mumetal.access.api import agent_scope, whole_stack_scope
from mumetal.app import wiring
from mumetal.app.inner import InnerHouse
from mumetal.app.models.live import LiveModels
from mumetal.app.opened import migrations_of, open_parts
from mumetal.app.parts import own_parts
from mumetal.app.pipeline import history
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.app.pipeline.filing import Filing
from mumetal.app.pipeline.judge import AGENT, Judge, Rooms
from mumetal.app.pipeline.remembering import Barring
from mumetal.app.pipeline.scoring import Scoring
from mumetal.app.pipeline.watching import Watching, watching_parts
from mumetal.app.pipeline.watermarks import Watermarks
from mumetal.app.running_parts import RunningParts
from mumetal.app.settings import Settings
from mumetal.connect.api import LogStore, open_records
from mumetal.core.clock import Clock, ManualClock, SystemClock
from mumetal.core.delivery import Datum, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.part import Part
from mumetal.core.ports import Ledger, LedgerEntry, Source
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth
from mumetal.respond.api import Inventory, Triage
from mumetal.trust.api import open_ledger, signed_calibrations

POLL_VALUES = 500_000
CHUNK_ROWS = 2_000
TOGETHER_NS = 600 * 10**9
MOST = 1_000_000
MAX_REFUSED = 1_000
FOREVER_NS = 7_258_118_399 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it.

    Args:
        incidents: Ranked.
        findings: Of all incidents.
        streams: How each stream ended.
        quarantined: What was refused, the newest of it.
        more_quarantined: Whether there is more of it than is listed.
        rows: Rows read.
    """

    incidents: Sequence[Incident]
    findings: Sequence[Finding]
    streams: Sequence[StreamHealth]
    quarantined: Sequence[Quarantined]
    more_quarantined: bool = False
    rows: int


def read_all(store: LogStore, sources: Sequence[Source], progress: Callable[[str, int], None]) -> tuple[int, set[str]]:
    """Commit everything the sources have; returns how many rows of it are new, and whose it is.

    Raises:
        UnavailableError: A source cannot be read.
    """
    rows = 0
    tenants: set[str] = set()
    for source in sources:
        cursor = ""
        while True:
            delivery = source.poll(cursor, POLL_VALUES)
            receipt = store.append(delivery)
            rows += sum(len(d) if isinstance(d, Series) else 1 for d in receipt.fresh)
            tenants.add(delivery.tenant)
            progress(source.name, rows)
            if delivery.caught_up:
                break
            if delivery.cursor == cursor and not delivery.data:
                raise BadInputError("the source does not get on", where=source.name)
            cursor = delivery.cursor
    return rows, tenants


def _newest(datum: Datum) -> int:
    return int(datum.t_ns[-1]) if isinstance(datum, Series) else datum.t_ns


def _chunks(series: Iterator[Series]) -> Iterator[tuple[int, Datum]]:
    """Yield rows in pieces that end at the same times in every stream: what is asked of several at once sees all of them."""
    for part in series:
        turns = np.flatnonzero(np.diff(part.t_ns // TOGETHER_NS)) + 1
        for first, stop in pairwise([0, *turns.tolist(), len(part)]):
            for start in range(first, stop, CHUNK_ROWS):
                chunk = part.rows(start, min(start + CHUNK_ROWS, stop))
                yield _newest(chunk), chunk


def in_order(store: LogStore, tenant: str) -> Iterator[tuple[int, Datum]]:
    """Yield everything a tenant has, merged by the time of each chunk's last row."""
    streams: list[Iterator[tuple[int, Datum]]] = []
    for device, stream in store.streams(tenant):
        if stream != "calibration":
            streams.append(_chunks(store.series(tenant, device, stream, 0, FOREVER_NS)))
    snapshots: list[DeviceSnapshot] = []
    for device in (device for owner, device in store.calibrated() if owner == tenant):
        snapshots += store.snapshots(tenant, device, MOST)
    streams.append((s.t_ns, s) for s in sorted(snapshots, key=lambda s: s.t_ns))
    streams.append((e.t_ns, e) for e in store.events(tenant, 0, FOREVER_NS, MOST))
    return _by_time(streams)


def _by_time(streams: Iterable[Iterator[tuple[int, Datum]]]) -> Iterator[tuple[int, Datum]]:
    return heapq.merge(*streams, key=itemgetter(0))


def replay(
    settings: Settings,
    inventory: Inventory,
    sources: Sequence[Source],
    directory: Path,
    progress: Callable[[str, int], None],
    parts: Sequence[Part] | None = None,
) -> Replayed:
    """Read recorded data once, watch it as if it came in now, and rank what was found.

    Args:
        settings: What was set.
        inventory: Workloads and how critical they are.
        sources: What to read.
        directory: Where to keep the data.
        progress: Told the source and the rows so far.
        parts: Whose watchers look; the package's own where none are given.

    Raises:
        UnavailableError: A source cannot be read.
        BadInputError: A part cannot be opened.
    """
    with ExitStack() as ending:
        ground = _Ground(settings, inventory, directory, own_parts() if parts is None else parts, ending)
        rows, read = read_all(ground.store, sources, progress)
        tenants = sorted({*ground.store.tenants(), *(owner for owner, _ in ground.store.calibrated()), *read})
        data = _by_time(in_order(ground.store, tenant) for tenant in tenants)
        watch = ground.score(data, progress)
        refused = [ground.store.quarantine(tenant, MAX_REFUSED) for tenant in tenants]
        owners = [agent_scope(tenant, AGENT) for tenant in ground.kept.tenants(whole_stack_scope(AGENT))]
        incidents = [i for scope in owners for i in ground.kept.incidents(scope, limit=10_000)]
        return Replayed(
            incidents=incidents,
            findings=[f for i in incidents for f in ground.kept.findings(agent_scope(i.tenant, AGENT), i.findings)],
            streams=watch.status(),
            quarantined=[q for pieces in refused for q in pieces],
            more_quarantined=any(len(pieces) == MAX_REFUSED for pieces in refused),
            rows=rows,
        )


class _Ground:
    """What of a stack a replay has: the stores, the judge, and the watchers of the parts."""

    def __init__(
        self, settings: Settings, inventory: Inventory, folder: Path, parts: Sequence[Part], ending: ExitStack
    ) -> None:
        self._settings, self._folder, self._parts, self._ending = settings, folder, parts, ending
        self._clock = ManualClock(FOREVER_NS // 2)
        self.store = LogStore(folder / "telemetry", settings.store, self._clock)
        ending.callback(self.store.close)
        self.kept = open_records(folder, clock=self._clock, migrations=migrations_of(parts))
        ending.callback(self.kept.close)
        real = SystemClock()
        ledger = open_ledger(folder, real, key=settings.ledger_key)
        ending.callback(ledger.close)
        triage = Triage(settings.triage, inventory)
        history.restore(triage, self.kept)
        self._rooms = Rooms(
            store=self.store,
            incidents=self.kept,
            triage=triage,
            ledger=_EnteredNow(ledger, real),
            authorizer=wiring.authorizer(parts),
            clock=self._clock,
        )
        self._judge = Judge(self._rooms, pages=False)

    def score(self, data: Iterator[tuple[int, Datum]], progress: Callable[[str, int], None]) -> Watching:
        """Score data in the order given, as the scoring thread of a stack does; returns what watched."""
        first = next(data, None)
        if first is not None:
            self._clock.set_ns(first[0])  # the watchers are opened when the recording begins
            data = chain((first,), data)

        def report(finding: Finding) -> None:
            scoring.report(finding)

        watch = self._watching(report)
        scoring, barring = Scoring(watch, self._judge, self._clock), Barring(watch, self.kept, self._judge)
        marks = Watermarks(self._folder / "scored.json", self._clock)
        self._judge.take(history.no_longer_standing(watch, self.kept, marks))
        barring.look()
        seen = 0
        for t_ns, datum in data:
            self._clock.set_ns(t_ns)
            scoring.score(datum)
            scoring.tick()
            barring.look()
            seen += len(datum) if isinstance(datum, Series) else 1
            progress("watching", seen)
        return watch

    def _watching(self, report: Callable[[Finding], None]) -> Watching:
        own = [part.part_id for part in own_parts()]
        budget = SharedBudget(self._settings.watch.alerts_per_week)
        house = InnerHouse(
            folder=self._folder,
            settings=None,
            clock=self._clock,
            store=self.store,
            records=self.kept,
            tables=self.kept.tables("core"),
            ledger=self._rooms.ledger,
            authorizer=self._rooms.authorizer,
            budget=budget,
            report=report,
            background=None,
            models=LiveModels(),
            pace=None,
            failed=_raise,
            upkeep=None,
            signed=signed_calibrations(self._settings.calibrations),
            codes=wiring.timing_codes(self._settings),
            filing=Filing(self._rooms, self._judge),
            signatures=SystemClock(),
        )
        opened = open_parts(self._parts, house, self._settings, own)
        self._ending.callback(RunningParts(opened, report, self.kept.log, self._clock, own).stop)
        return watching_parts(opened, own, history.SceneReader(self.store).scene, budget, self._clock)


class _EnteredNow:
    """A ledger whose entries say when they were entered, whatever time those who enter them go by.

    Args:
        ledger: Where they are written.
        clock: The real time.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock

    def append(self, entry: LedgerEntry) -> int:
        """Write durably, dated now, and return the entry's index."""
        return self._ledger.append(replace(entry, t_ns=self._clock.now_ns()))

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        """Return entries from ``start``, in order."""
        return self._ledger.entries(start, limit)

    def verify(self) -> None:
        """Check the whole record."""
        self._ledger.verify()


def _raise(error: BaseException) -> None:
    raise error
