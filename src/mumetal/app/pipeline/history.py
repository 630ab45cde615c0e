"""What a start and a judgement read back from the stores: incidents, baselines, and the scene around a finding."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mumetal.access.api import agent_scope, whole_stack_scope
from mumetal.app.pipeline.learnt import Snapshot
from mumetal.app.pipeline.watching import StreamKey, Watching
from mumetal.app.pipeline.watermarks import CALIBRATION, EVENTS, Watermarks, by_stream
from mumetal.core.check import LATEST_NS
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.incident import IncidentState, Label
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Scene, Span, Store
from mumetal.core.records import Records
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.subject import NO_DEVICE
from mumetal.respond.api import Triage

_log = RoomLogger("app")
SECOND_NS = 10**9
AROUND_S = 300
MAX_SPAN_S = 3_600
ANNOUNCED_S = 3_900  # an announcement comes an hour before what it explains at most
MAX_ROWS = 20_000
PRIME_SPANS_S = (3_600, 86_400, 30 * 86_400)
PRIME_ROWS = 50_000
PRIME_SNAPSHOTS, FEWEST_SNAPSHOTS, PRIME_FIGURES = 300, 40, 200_000  # a second or so for each device


STILL_KNOWN = 1_000  # resolved ones put back, so that what still comes of their findings is no news
MOST_EVENTS = 100_000  # records that a death left unscored
RESOLVED = 10_000  # incidents looked through for what is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a start brought: findings, what is barred, and the streams whose older rows are still to be read back."""

    findings: list[Finding]
    barred: tuple[Span, ...]
    to_recall: list[StreamKey]


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
        told = min(start, finding.start_ns - ANNOUNCED_S * SECOND_NS)  # of what lasts, the announcement is long ago
        events = [e for e in self._store.events(finding.tenant, told, stop) if e.device in {finding.device, "-"}]
        snapshots = self._store.snapshots(finding.tenant, finding.device, 10, finding.stop_ns + AROUND_S * SECOND_NS)
        return Scene(series=tuple(series), events=tuple(events), snapshots=tuple(snapshots))


def restore(triage: Triage, incidents: Records, agent: str = "mumetal.triage") -> None:
    """Give triage the unresolved incidents of every tenant back."""
    for tenant in incidents.tenants(whole_stack_scope(agent)):
        scope = agent_scope(tenant, agent)
        known = incidents.open_for(scope)
        over = incidents.incidents(scope, IncidentState.RESOLVED, STILL_KNOWN)
        known += over
        found = [f for i in known for f in incidents.findings(scope, i.findings)]
        triage.restore(known, found)
        _log.info("incidents.restored", tenant=tenant, incidents=len(known), findings=len(found))


def start(watch: Watching, store: Store, records: Records, marks: Watermarks, learnt: Snapshot | None) -> Start:
    """Let the watchers go on from what they had learnt, or learn the stored past anew; then score what never was.

    Nothing of an open incident, or of what a person called an attack, is learnt from. What a crash let score twice, of an
    incident that a person has resolved since, is not raised again.
    """
    barred = spans(records)
    restored = learnt is not None and watch.restore(learnt.states, by_stream(learnt.marks))
    if learnt is not None:
        marks.go_back(learnt.marks)
    if len(marks):
        _log.info("watchers.restored" if restored else "watchers.learn_anew", streams=len(marks))
    watch.bar(barred)
    for tenant, device in store.calibrated():
        newest = store.snapshots(tenant, device, 1)[0]
        most = max(FEWEST_SNAPSHOTS, min(PRIME_SNAPSHOTS, PRIME_FIGURES // len(newest.parameters)))
        sets = store.snapshots(tenant, device, most)
        if not (restored and learnt is not None and marks.name(tenant, device, CALIBRATION) in learnt.marks):
            mark = marks.of(tenant, device, CALIBRATION) or sets[-1].t_ns
            watch.prime([s for s in sets if s.t_ns <= mark], barred)
    streams = [(t, d, s) for t in store.tenants() for d, s in store.streams(t) if marks.of(t, d, s)]
    to_recall = [s for s in streams if learnt is not None and restored and marks.name(*s) in learnt.marks]
    for stream in streams:
        if stream not in to_recall:
            recall(watch, store, marks, stream, barred)
    findings: list[Finding] = no_longer_standing(watch, records, marks)
    over = {f.finding_id for f in findings}
    for datum in _missed(store, marks):
        findings += watch.observe(datum)
        marks.note(datum, watch.judged_until(datum))
    gone = _resolved(records, {f.tenant for f in findings})
    return Start(
        findings=[f for f in findings if f.finding_id not in gone - over],
        barred=barred,
        to_recall=to_recall,
    )


def recall(
    watch: Watching,
    store: Store,
    marks: Watermarks,
    stream: StreamKey,
    barred: Sequence[Span],
    fewest: int = PRIME_ROWS // 10,
) -> None:
    """Tell the watchers the newest scored past of one stream, ``fewest`` rows of it or more where there are so many."""
    mark = marks.of(*stream)
    past: list[Series] = []
    for span in PRIME_SPANS_S:
        past = list(store.series(*stream, mark - span * SECOND_NS, mark + 1))
        if sum(len(p) for p in past) >= fewest:
            break
    if past:
        watch.prime([past[-1].rows(max(0, len(past[-1]) - PRIME_ROWS), len(past[-1]))], barred)


def spans(records: Records, agent: str = "mumetal.triage") -> tuple[Span, ...]:
    """Return what must not be learnt from: what is open and unexplained, and what a person called an attack."""
    out: list[Span] = []
    for tenant in records.tenants(whole_stack_scope(agent)):
        scope = agent_scope(tenant, agent)
        newest = {given.incident_id: given.label for given in records.labels(scope)}
        attacks = {incident_id for incident_id, label in newest.items() if label is Label.ATTACK}
        known = {
            i.incident_id: i
            for i in records.open_for(scope)
            if i.state is not IncidentState.EXPLAINED and newest.get(i.incident_id) is not Label.BENIGN
        }
        known |= {i: records.incident(scope, i) for i in attacks - known.keys()}
        for incident in known.values():
            called = incident.incident_id in attacks
            for finding in records.findings(scope, incident.findings):
                if called or not (finding.explained or finding.held):
                    ends = finding.stop_ns + 1
                    goes_on = finding.standing and (called or incident.state is not IncidentState.RESOLVED)
                    stop = LATEST_NS if goes_on else ends
                    out.append(Span(tenant=tenant, subject=finding.subject, start_ns=finding.start_ns, stop_ns=stop))
    return tuple(out)


def no_longer_standing(
    watch: Watching, records: Records, marks: Watermarks, agent: str = "mumetal.triage"
) -> list[Finding]:
    """Return what is kept as standing and no watcher watches on: it ends where its stream had been scored."""
    out: list[Finding] = []
    for tenant in records.tenants(whole_stack_scope(agent)):
        scope = agent_scope(tenant, agent)
        known = [*records.open_for(scope), *records.incidents(scope, IncidentState.RESOLVED, STILL_KNOWN)]
        for incident in known:
            for finding in records.findings(scope, incident.findings):
                if finding.standing and not watch.stands(finding.finding_id):
                    mark = marks.of(tenant, finding.device, finding.stream)
                    out.append(replace(finding, standing=False, stop_ns=max(finding.stop_ns, mark)))
    return out


def _missed(store: Store, marks: Watermarks) -> Iterator[Series | DeviceSnapshot | Event]:
    """Yield what was committed after each stream's mark; where nothing was ever scored, nothing was missed."""
    for tenant, device in store.calibrated():
        mark = marks.of(tenant, device, CALIBRATION)
        yield from (s for s in store.snapshots(tenant, device, PRIME_SNAPSHOTS) if mark and s.t_ns > mark)
    for tenant in store.tenants():
        told = marks.of(tenant, NO_DEVICE, EVENTS)
        yield from store.events(tenant, told + 1, LATEST_NS, MOST_EVENTS) if told or len(marks) else ()
        for device, stream in store.streams(tenant):
            mark = marks.of(tenant, device, stream)
            for missed in store.series(tenant, device, stream, mark + 1, LATEST_NS) if mark or len(marks) else ():
                _log.info("stream.caught_up", device=device, stream=stream, tenant=tenant, rows=len(missed))
                yield missed


def _resolved(records: Records, tenants: Iterable[str], agent: str = "mumetal.triage") -> set[str]:
    """Return the ids of findings of which a person has said that they are over."""
    return {
        finding_id
        for tenant in tenants
        for incident in records.incidents(agent_scope(tenant, agent), IncidentState.RESOLVED, RESOLVED)
        for finding_id in incident.findings
    }
