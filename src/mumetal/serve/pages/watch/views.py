"""What the templates need, made from the nouns by pure functions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mumetal.app.desk import Desk, Overview
from mumetal.core.finding import Attribution, CauseVerdict, Finding, Severity
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth, StreamState

ROWS = 100
TILES = 100
STREAMS = 20  # of a device on its tile
FINDINGS = 60
_WORST = (StreamState.SILENT, StreamState.DEGRADED, StreamState.LEARNING, StreamState.WATCHING)
_STANDING = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTile:
    """One device at a glance.

    Args:
        device: Its name.
        state: The worst of its streams'.
        streams: Its streams.
        watching: How many of them are simply watched.
        open: Incidents that stand.
        gravest: Severity of the gravest of them; UNKNOWN when none stands.
        score: Largest tail score of any stream.
        last_ns: Time of the newest row.
    """

    device: str
    state: StreamState
    streams: tuple[StreamHealth, ...]
    watching: int
    open: int
    gravest: Severity
    score: float
    last_ns: int

    @property
    def in_trouble(self) -> tuple[StreamHealth, ...]:
        """Streams that have something to say for themselves."""
        return tuple(s for s in self.streams if s.reason or s.state is not StreamState.WATCHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One incident in the list, with the causes its findings were weighed against."""

    incident: Incident
    causes: tuple[CauseVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePage:
    """A page of the fleet's tiles; pages count from 1."""

    tiles: tuple[DeviceTile, ...]
    page: int
    pages: int
    devices: int


def tiles(overview: Overview, incidents: Sequence[Incident], page: int = 1) -> TilePage:
    """Return a page of the devices, in order of name where one page holds them all, else the worst off first."""
    found: dict[str, list[StreamHealth]] = {}
    for health in overview.streams:
        found.setdefault(health.device, []).append(health)
    standing: dict[str, list[Incident]] = {}
    for incident in incidents:
        if incident.state in _STANDING:
            standing.setdefault(incident.device, []).append(incident)
    pages = max(1, -(-len(found) // TILES))
    page = min(page, pages)

    def worst(device: str) -> tuple[bool, int, str]:
        return device not in standing, min(_WORST.index(s.state) for s in found[device]), device

    order = sorted(found) if pages == 1 else sorted(found, key=worst)
    chosen = order[(page - 1) * TILES : page * TILES]
    made = tuple(tile(device, found[device], standing.get(device, ())) for device in chosen)
    return TilePage(tiles=made, page=page, pages=pages, devices=len(found))


def tile(device: str, streams: Sequence[StreamHealth], standing: Sequence[Incident]) -> DeviceTile:
    """Return a device's tile, of its streams and its incidents that stand."""
    return DeviceTile(
        device=device,
        state=min((s.state for s in streams), key=_WORST.index),
        streams=tuple(sorted(streams, key=lambda s: s.stream)),
        watching=sum(s.state is StreamState.WATCHING for s in streams),
        open=len(standing),
        gravest=max((i.severity for i in standing), default=Severity.UNKNOWN),
        score=max((s.score for s in streams), default=0.0),
        last_ns=max((s.last_ns for s in streams), default=0),
    )


def standing_of(device: str, incidents: Sequence[Incident]) -> list[Incident]:
    """Return the incidents of a device that stand."""
    return [i for i in incidents if i.device == device and i.state in _STANDING]


def rows(desk: Desk, tenant: str, incidents: Sequence[Incident]) -> tuple[IncidentRow, ...]:
    """Return the list's rows; the first findings of each incident stand for all in what was considered."""
    ids = list(dict.fromkeys(f for i in incidents for f in i.findings[:4]))
    found = {f.finding_id: f for f in desk.findings(tenant, ids)} if ids else {}
    return tuple(
        IncidentRow(incident=i, causes=considered([found[f] for f in i.findings[:4] if f in found])) for i in incidents
    )


def considered(findings: Sequence[Finding]) -> tuple[CauseVerdict, ...]:
    """Return each cause once, with its strongest verdict; accepted ones first, then by likelihood ratio."""
    best: dict[str, CauseVerdict] = {}
    for verdict in (v for f in findings for v in f.causes):
        known = best.get(verdict.cause)
        if known is None or _weight(verdict) > _weight(known):
            best[verdict.cause] = verdict
    return tuple(sorted(best.values(), key=_weight, reverse=True))


def _weight(verdict: CauseVerdict) -> tuple[bool, float]:
    return verdict.explained, verdict.log_likelihood_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How much one channel carries by each method; None where a method does not name it."""

    channel: str
    by_method: tuple[float | None, ...]


def attribution_table(
    attribution: Sequence[Attribution], limit: int = 12
) -> tuple[tuple[str, ...], tuple[Shares, ...]]:
    """Return the methods, and the channels with their share by each, largest share first."""
    methods = tuple(dict.fromkeys(a.method for a in attribution))
    by_channel: dict[str, dict[str, float]] = {}
    for a in attribution:
        by_channel.setdefault(a.channel, {})[a.method] = a.share
    order = sorted(by_channel, key=lambda c: max(by_channel[c].values()), reverse=True)[:limit]
    return methods, tuple(Shares(channel=c, by_method=tuple(by_channel[c].get(m) for m in methods)) for c in order)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One finding, with its attribution laid out side by side."""

    finding: Finding
    methods: tuple[str, ...]
    shares: tuple[Shares, ...]

    @property
    def channels(self) -> str:
        """Attributed channels, largest share first, for the plot; separated by line breaks."""
        return "\n".join(s.channel for s in self.shares)


def finding_views(findings: Sequence[Finding]) -> tuple[FindingView, ...]:
    """Return the findings' views, in order."""
    made = []
    for finding in findings:
        methods, shares = attribution_table(finding.attribution)
        made.append(FindingView(finding=finding, methods=methods, shares=shares))
    return tuple(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One calibrated figure over all components: how many, median, and the two ends."""

    name: str
    unit: str
    count: int
    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One figure that a calibration has otherwise than the one before."""

    channel: str
    unit: str
    old: float
    new: float


def changed(before: DeviceSnapshot | None, after: DeviceSnapshot) -> tuple[Changed, ...]:
    """Return the figures that a calibration changed, the farthest moved first; nothing when there is none before."""
    old = {p.channel: p.value for p in before.parameters} if before is not None else {}
    found = [
        Changed(channel=p.channel, unit=p.unit, old=old[p.channel], new=p.value)
        for p in after.parameters
        if p.channel in old and old[p.channel] != p.value and p.value == p.value and old[p.channel] == old[p.channel]
    ]
    return tuple(sorted(found, key=lambda c: (-abs(c.new - c.old) / max(abs(c.old), abs(c.new)), c.channel)))


_ORDER = (
    "T1", "T2", "readout_error", "gate_error", "frequency", "anharmonicity", "gate_length",
    "readout.fidelity", "assignment_fidelity", "rb_fidelity", "cz_fidelity", "RX.amplitude", "RX.frequency", "drive.frequency",
)  # fmt: skip


def calibration(snapshot: DeviceSnapshot, limit: int = 8) -> tuple[Statistic, ...]:
    """Return the figures of a snapshot that are not doubtful, by name, the telling ones first."""
    values: dict[tuple[str, str], list[float]] = {}
    for p in snapshot.parameters:
        if not p.flag and p.value == p.value:  # NaN is a sentinel
            values.setdefault((p.name, p.unit), []).append(p.value)

    def rank(key: tuple[str, str]) -> tuple[int, str]:
        return (_ORDER.index(key[0]) if key[0] in _ORDER else len(_ORDER), key[0])

    made = []
    for name, unit in sorted(values, key=rank)[:limit]:
        v = sorted(values[name, unit])
        made.append(Statistic(name=name, unit=unit, count=len(v), low=v[0], median=v[len(v) // 2], high=v[-1]))
    return tuple(made)


def counts(incidents: Sequence[Incident]) -> tuple[tuple[Severity, int], ...]:
    """Return how many incidents stand, by severity, gravest first."""
    tally = Counter(i.severity for i in incidents if i.state in _STANDING)
    return tuple(sorted(tally.items(), reverse=True))


def first_words(overview: Overview, incidents: Sequence[Incident]) -> str:
    """Say what to expect or to do when there is no incident to show; empty when there is one."""
    if incidents:
        return ""
    if not overview.streams:
        return (
            "Nothing is connected yet. Start with “mumetal up --source bluefors:DIR”, or post to /api/v1/push/columnar."
        )
    learning = [s for s in overview.streams if s.state is StreamState.LEARNING]
    if learning:
        reason = learning[0].reason or "it starts to judge once it knows what is ordinary"
        return f"{len(learning)} of {len(overview.streams)} streams are still learning: {reason}."
    return "All quiet. Every stream is watched and nothing stands out."
