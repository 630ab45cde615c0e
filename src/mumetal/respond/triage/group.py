"""One incident in the making: what each finding adds to it, kept so that a finding costs the same however many came before."""

from dataclasses import dataclass, field, replace

from mumetal.core.finding import Finding, Severity
from mumetal.core.incident import Incident, IncidentState, Label
from mumetal.core.subject import SubjectKind
from mumetal.respond.triage import likelihood
from mumetal.respond.triage.adjacency import Key, keys_of
from mumetal.respond.triage.impact import harm
from mumetal.respond.triage.inventory import Inventory

MAX_FINDINGS = 2_000
MAX_STREAMS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is kept of a finding."""

    finding_id: str
    device: str
    stream: str
    rule: str
    title: str
    severity: Severity
    explained: bool
    held: bool
    likelihood: float
    impact: float
    impact_reason: str
    start_ns: int
    stop_ns: int
    keys: tuple[Key, ...]
    lead: str = ""  # the channel that carries it most
    standing: bool = False  # whether it goes on, as far as its watcher knows
    hosts: tuple[str, ...] = ()  # streams whose findings belong to it while it lasts: it is about the device as a whole

    @classmethod
    def of(cls, finding: Finding, inventory: Inventory) -> "Trace":
        """Weigh a finding."""
        cost = harm(finding, inventory)
        return cls(
            finding_id=finding.finding_id,
            device=finding.device,
            stream=finding.stream,
            rule=finding.rule,
            title=finding.title,
            severity=finding.severity,
            explained=finding.explained,
            held=bool(finding.held),
            likelihood=likelihood.of_finding(finding),
            impact=cost.impact,
            impact_reason=cost.reason,
            start_ns=finding.start_ns,
            stop_ns=finding.stop_ns,
            keys=keys_of(finding),
            lead=finding.attribution[0].channel if finding.attribution else "",
            standing=finding.standing,
            hosts=_hosts(finding),
        )

    @property
    def weight(self) -> tuple[bool, float, int, int, str]:
        """Order by which one finding speaks for the incident, one about the whole device first; total, so that arrival does not matter."""
        grave = self.likelihood * self.impact
        return (bool(self.hosts), grave, int(self.severity), -self.start_ns, self.finding_id)


def _hosts(finding: Finding) -> tuple[str, ...]:
    """Return the streams that a finding about a whole device rests on; none of another's."""
    if finding.subject.kind is not SubjectKind.DEVICE:
        return ()
    places = (e.series_place() for e in finding.evidence if e.scheme == "series")
    return tuple(stream for device, stream in places if device == finding.device)


@dataclass(slots=True, kw_only=True)
class Side:
    """Sums over the explained or over the unexplained findings; ``loudest`` leaves out those that are held back."""

    streams: dict[tuple[str, str], float] = field(default_factory=dict)
    severity: Severity = Severity.UNKNOWN
    loudest: Severity = Severity.UNKNOWN
    top: Trace | None = None
    costliest: Trace | None = None
    count: int = 0

    def add(self, trace: Trace) -> None:
        """Count one finding in."""
        self.count += 1
        place = (trace.device, trace.stream)
        if place in self.streams or len(self.streams) < MAX_STREAMS:
            self.streams[place] = max(self.streams.get(place, 0.0), trace.likelihood)
        self.severity = max(self.severity, trace.severity)
        if not trace.held:
            self.loudest = max(self.loudest, trace.severity)
        if self.top is None or trace.weight > self.top.weight:
            self.top = trace
        if self.costliest is None or (trace.impact, trace.weight) > (self.costliest.impact, self.costliest.weight):
            self.costliest = trace


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """An incident and what it is made of."""

    incident: Incident
    born: int
    open_end: bool = True
    gone: bool = False
    absent: dict[str, None] = field(default_factory=dict)
    traces: dict[str, Trace] = field(default_factory=dict)
    overflow: int = 0
    start_ns: int = 0
    stop_ns: int = 0
    last_ns: int = 0  # when the newest of its findings began
    plain: Side = field(default_factory=Side)
    explained: Side = field(default_factory=Side)
    rules: set[tuple[str, str]] = field(default_factory=set)
    hosted: dict[str, int] = field(
        default_factory=dict
    )  # until when findings of a stream belong to what befell the device

    @property
    def side(self) -> Side:
        """The findings that speak for it: the unexplained ones, or all when everything is explained."""
        return self.plain if self.plain.count else self.explained

    @property
    def all_explained(self) -> bool:
        """Whether every finding of it is known and explained."""
        return not self.plain.count and not self.absent

    @property
    def untouched(self) -> bool:
        """Whether it goes on and nobody has acknowledged, resolved or labelled it."""
        return self.incident.label is Label.UNKNOWN and self.incident.state in {
            IncidentState.OPEN,
            IncidentState.EXPLAINED,
        }

    def holds(self, trace: Trace) -> bool:
        """Whether one of both is about the device as a whole, and the other shows on a stream that it rests on while it lasts."""
        if not self.untouched:
            return False
        theirs = any(stream in trace.hosts for _, stream in self.rules)
        return theirs or trace.start_ns <= self.hosted.get(trace.stream, -1)

    def hosts_until(self, t_ns: int) -> bool:
        """Whether something that befell the device as a whole lasts until then."""
        return any(stop_ns >= t_ns for stop_ns in self.hosted.values())

    def is_new_kind(self, trace: Trace) -> bool:
        """Whether no finding of this rule and stream is in yet (asked of the first 512 only)."""
        return len(self.rules) < MAX_STREAMS and (trace.rule, trace.stream) not in self.rules

    def add(self, trace: Trace) -> None:
        """Take a new finding in; past 2,000 its weight counts and its id is no longer listed."""
        (self.explained if trace.explained else self.plain).add(trace)
        self.start_ns = min(self.start_ns or trace.start_ns, trace.start_ns)
        self.stop_ns = max(self.stop_ns, trace.stop_ns)
        self.last_ns = max(self.last_ns, trace.start_ns)
        for stream in trace.hosts:
            self.hosted[stream] = max(self.hosted.get(stream, 0), trace.stop_ns)
        if len(self.rules) < MAX_STREAMS:
            self.rules.add((trace.rule, trace.stream))
        if len(self.traces) < MAX_FINDINGS:
            self.traces[trace.finding_id] = trace
        else:
            self.overflow += 1

    def replace(self, trace: Trace) -> None:
        """Put a newer version of a finding in the place of the one known; sums are made again."""
        self.traces[trace.finding_id] = trace
        self.plain, self.explained = Side(), Side()
        self.start_ns = self.stop_ns = self.last_ns = 0
        old, self.traces, spilt = self.traces, {}, self.overflow
        for each in old.values():
            self.add(each)
        self.overflow = spilt

    def absorb(self, other: "Group") -> None:
        """Take all findings of another group in."""
        for trace in other.traces.values():
            self.add(trace)
        self.overflow += other.overflow
        self.absent.update(other.absent)

    def rendered(self) -> Incident:
        """Return the incident with everything that follows from its findings brought up to date."""
        side = self.side
        top, costliest = side.top, side.costliest
        if top is None or costliest is None:
            return self.incident
        count = self.plain.count + self.explained.count
        devices = {t.device for t in self.traces.values()} if len(side.streams) > 1 else {top.device}
        return replace(
            self.incident,
            device=top.device,
            title=_title(top, count, len(devices)),
            severity=side.severity,
            likelihood=likelihood.combine(side.streams.values()),
            impact=costliest.impact,
            impact_reason=costliest.impact_reason,
            start_ns=self.start_ns,
            stop_ns=self.stop_ns,
            findings=(*self.absent, *self.traces),
        )


def _title(top: Trace, count: int, devices: int) -> str:
    more = [f"{count - 1} more finding{'s' if count > 2 else ''}"] if count > 1 else []
    more += [f"{devices} devices"] if devices > 1 else []
    return top.title[:240] + (f" (and {', '.join(more)})" if more else "")
