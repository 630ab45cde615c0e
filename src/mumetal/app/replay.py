"""Recorded data, once through the same doors and watchers, in the order of their own time."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from mumetal.access.api import agent_scope, whole_stack_scope
from mumetal.app import wiring
from mumetal.app.pipeline import history
from mumetal.app.pipeline.judge import AGENT, Judge, Rooms
from mumetal.app.pipeline.watching import watching_of
from mumetal.app.settings import Settings
from mumetal.connect.api import LogStore, open_records
from mumetal.core.clock import ManualClock, SystemClock
from mumetal.core.delivery import Datum, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.ports import Source
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth
from mumetal.respond.api import Inventory, Triage
from mumetal.trust.api import SignedSetWatcher, open_ledger, signed_calibrations

POLL_VALUES = 500_000
CHUNK_ROWS = 2_000
MOST = 1_000_000
FOREVER_NS = 7_258_118_399 * 10**9
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it.

    Args:
        incidents: Ranked.
        findings: Of all incidents.
        streams: How each stream ended.
        quarantined: What was refused.
        rows: Rows read.
    """

    incidents: Sequence[Incident]
    findings: Sequence[Finding]
    streams: Sequence[StreamHealth]
    quarantined: Sequence[Quarantined]
    rows: int


def read_all(
    store: LogStore, sources: Sequence[Source], progress: Callable[[str, int], None]
) -> tuple[int, dict[str, set[str]]]:
    """Commit everything the sources have; returns how many rows that is, and the devices with sets by tenant.

    Raises:
        UnavailableError: A source cannot be read.
    """
    rows = 0
    seen: dict[str, set[str]] = {}
    for source in sources:
        cursor = ""
        while True:
            delivery = source.poll(cursor, POLL_VALUES)
            receipt = store.append(delivery)
            rows += sum(len(d) if isinstance(d, Series) else 1 for d in receipt.fresh)
            mine = seen.setdefault(delivery.tenant, set())
            mine |= {d.device for d in receipt.fresh if isinstance(d, DeviceSnapshot)}
            progress(source.name, rows)
            if delivery.caught_up:
                break
            if delivery.cursor == cursor and not delivery.data:
                raise BadInputError("the source does not get on", where=source.name)
            cursor = delivery.cursor
    return rows, seen


def _newest(datum: Datum) -> int:
    return int(datum.t_ns[-1]) if isinstance(datum, Series) else datum.t_ns


def _chunks(series: Iterator[Series]) -> Iterator[tuple[int, Datum]]:
    for part in series:
        for start in range(0, len(part), CHUNK_ROWS):
            chunk = part.rows(start, start + CHUNK_ROWS)
            yield _newest(chunk), chunk


def in_order(store: LogStore, tenant: str, devices: AbstractSet[str] = frozenset()) -> Iterator[tuple[int, Datum]]:
    """Yield everything a tenant has, merged by the time of each chunk's last row.

    Args:
        store: What was read.
        tenant: Whose.
        devices: Devices that may have calibration sets and no samples.
    """
    streams: list[Iterator[tuple[int, Datum]]] = []
    for device, stream in store.streams(tenant):
        if stream != "calibration":
            streams.append(_chunks(store.series(tenant, device, stream, 0, FOREVER_NS)))
    snapshots: list[DeviceSnapshot] = []
    for device in sorted({d for d, _ in store.streams(tenant)} | devices):
        snapshots += store.snapshots(tenant, device, MOST)
    streams.append((s.t_ns, s) for s in sorted(snapshots, key=lambda s: s.t_ns))
    streams.append((e.t_ns, e) for e in store.events(tenant, 0, FOREVER_NS, MOST))
    return heapq.merge(*streams, key=lambda pair: pair[0])


def replay(
    settings: Settings,
    inventory: Inventory,
    sources: Sequence[Source],
    directory: Path,
    progress: Callable[[str, int], None],
) -> Replayed:
    """Read recorded data once, watch it as if it came in now, and rank what was found.

    Args:
        settings: What was set.
        inventory: Workloads and how critical they are.
        sources: What to read.
        directory: Where to keep the data.
        progress: Told the source and the rows so far.

    Raises:
        UnavailableError: A source cannot be read.
    """
    clock = ManualClock(FOREVER_NS // 2)
    store = LogStore(directory / "telemetry", settings.store, clock)
    kept = open_records(directory, clock=clock)
    ledger = open_ledger(directory, SystemClock(), key=settings.ledger_key)
    try:
        rows, devices = read_all(store, sources, progress)
        watch = watching_of(
            settings.watch, clock, history.SceneReader(store).scene, codes=wiring.timing_codes(settings)
        )
        rooms = Rooms(
            store=store,
            incidents=kept,
            triage=Triage(settings.triage, inventory),
            ledger=ledger,
            authorizer=wiring.authorizer(),
            clock=clock,
        )
        judge = Judge(rooms)
        signed = signed_calibrations(settings.calibrations)
        calibrations = SignedSetWatcher(signed, store.snapshots, SystemClock()) if signed else None
        seen = 0
        for tenant in sorted({*store.tenants(), *devices}):
            for t_ns, datum in in_order(store, tenant, devices.get(tenant, set())):
                clock.set_ns(t_ns)
                extra = calibrations.inspect(datum) if calibrations else ()
                judge.take([*watch.observe(datum), *extra, *watch.tick(t_ns)])
                seen += len(datum) if isinstance(datum, Series) else 1
                progress("watching", seen)
        owners = [agent_scope(tenant, AGENT) for tenant in kept.tenants(whole_stack_scope(AGENT))]
        incidents = [i for scope in owners for i in kept.incidents(scope, limit=10_000)]
        return Replayed(
            incidents=incidents,
            findings=[f for i in incidents for f in kept.findings(agent_scope(i.tenant, AGENT), i.findings)],
            streams=watch.status(),
            quarantined=[q for tenant in sorted({*store.tenants(), *devices}) for q in store.quarantine(tenant, 1_000)],
            rows=rows,
        )
    finally:
        ledger.close()
        kept.close()
        store.close()
