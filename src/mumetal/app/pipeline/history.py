"""What a start and a judgement read back from the stores: incidents, baselines, and the scene around a finding."""

from mumetal.access.api import agent_scope, whole_stack_scope
from mumetal.app.pipeline.watching import Watching
from mumetal.app.pipeline.watermarks import CALIBRATION, Watermarks
from mumetal.core.finding import Finding
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Scene, Store
from mumetal.core.records import Records
from mumetal.core.series import Series
from mumetal.respond.api import Triage

_log = RoomLogger("app")
SECOND_NS = 10**9
AROUND_S = 300
MAX_SPAN_S = 3_600
MAX_ROWS = 20_000
PRIME_SPANS_S = (3_600, 86_400, 30 * 86_400)
PRIME_ROWS = 50_000
PRIME_SNAPSHOTS, FEWEST_SNAPSHOTS, PRIME_FIGURES = 300, 40, 200_000  # a second or so for each device


class SceneReader:
    """Reads the surroundings of a finding from the store.

    Args:
        store: Where the data are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def scene(self, finding: Finding) -> Scene:
        """Return the device's streams, events and snapshots around a finding, its own stream first."""
        stop = finding.stop_ns + AROUND_S * SECOND_NS
        start = max(finding.start_ns - AROUND_S * SECOND_NS, stop - MAX_SPAN_S * SECOND_NS)
        streams = [s for d, s in self._store.streams(finding.tenant) if d == finding.device]
        streams.sort(key=lambda s: (s != finding.stream, s))
        series: list[Series] = []
        for stream in streams:
            parts = list(self._store.series(finding.tenant, finding.device, stream, start, stop))
            series += [p.rows(max(0, len(p) - MAX_ROWS), len(p)) for p in parts[-1:]]
        events = [e for e in self._store.events(finding.tenant, start, stop) if e.device in {finding.device, "-"}]
        snapshots = self._store.snapshots(finding.tenant, finding.device, 10, finding.stop_ns + AROUND_S * SECOND_NS)
        return Scene(series=tuple(series), events=tuple(events), snapshots=tuple(snapshots))


def restore(triage: Triage, incidents: Records, agent: str = "mumetal.triage") -> None:
    """Give triage the unresolved incidents of every tenant back."""
    for tenant in incidents.tenants(whole_stack_scope(agent)):
        scope = agent_scope(tenant, agent)
        known = incidents.open_for(scope)
        found = [f for i in known for f in incidents.findings(scope, i.findings)]
        triage.restore(known, found)
        _log.info("incidents.restored", tenant=tenant, incidents=len(known), findings=len(found))


def prime(watch: Watching, store: Store, marks: Watermarks) -> list[Finding]:
    """Teach the watchers each stream's past, then score what was committed and never scored; returns its findings."""
    findings: list[Finding] = []
    for tenant, device in store.calibrated():
        newest = store.snapshots(tenant, device, 1)[0]
        most = max(FEWEST_SNAPSHOTS, min(PRIME_SNAPSHOTS, PRIME_FIGURES // len(newest.parameters)))
        sets = store.snapshots(tenant, device, most)
        mark = marks.of(tenant, device, CALIBRATION) or sets[-1].t_ns
        watch.prime([s for s in sets if s.t_ns <= mark])
        for written in sets:
            findings += watch.observe(written) if written.t_ns > mark else ()
    for tenant in store.tenants():
        for device, stream in store.streams(tenant):
            mark = marks.of(tenant, device, stream)
            if not mark:
                continue
            past: list[Series] = []
            for span in PRIME_SPANS_S:
                past = list(store.series(tenant, device, stream, mark - span * SECOND_NS, mark + 1))
                if sum(len(p) for p in past) >= PRIME_ROWS // 10:
                    break
            if past:
                watch.prime([past[-1].rows(max(0, len(past[-1]) - PRIME_ROWS), len(past[-1]))])
            for missed in store.series(tenant, device, stream, mark + 1, 2**62):
                findings += watch.observe(missed)
                _log.info("stream.caught_up", device=device, stream=stream, tenant=tenant, rows=len(missed))
    return findings
