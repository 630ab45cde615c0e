"""A complete desk in memory: three devices, eight incidents, live series, believable figures."""

import dataclasses
import hashlib
import math
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from mumetal.app.desk import Change, Overview
from mumetal.core import LOCAL
from mumetal.core.artefact import Evidence
from mumetal.core.check import LATEST_NS
from mumetal.core.delivery import Delivery, Quarantined, Receipt
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.event import Event, EventClass, Status
from mumetal.core.finding import Attribution, CauseVerdict, Finding, Severity
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident, IncidentState, Label, TimelineEntry
from mumetal.core.operation import OperatingMode, OperatingState
from mumetal.core.ports import Truth
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.core.stream_health import StreamHealth, StreamState
from mumetal.core.subject import Subject

S = 10**9
NOW = 1_795_370_400 * S
DEVICES = ("aurora-27", "borealis-5", "cygnus-127")
STREAMS: dict[str, tuple[tuple[str, str, float, float], ...]] = {
    "cryostat": (
        ("mxc.temperature", "K", 0.0112, 0.00008),
        ("still.temperature", "K", 0.912, 0.002),
        ("4k.temperature", "K", 3.98, 0.01),
        ("p1.pressure", "Pa", 2.1e-3, 3e-5),
        ("flow", "mol/s", 5.9e-4, 4e-6),
    ),
    "control": (
        ("awg0.temperature", "K", 311.4, 0.2),
        ("lo.q0.power", "W", 1.02e-3, 2e-6),
        ("clock.offset", "s", 1.8e-8, 4e-9),
        ("trigger.jitter", "s", 6.2e-12, 5e-13),
    ),
    "readout": (
        ("q0.iq_separation", "1", 4.12, 0.05),
        ("q1.iq_separation", "1", 3.87, 0.05),
        ("q2.iq_separation", "1", 4.4, 0.05),
        ("q3.iq_separation", "1", 3.61, 0.05),
        ("q4.iq_separation", "1", 4.02, 0.05),
    ),
    "queue": (("depth", "1", 34.0, 6.0), ("wait", "s", 412.0, 40.0), ("interarrival", "s", 1.9, 0.2)),
}


def _series(tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int) -> Series:
    step = max(S, (stop_ns - start_ns) // max(1, points))
    t = np.arange(-(-start_ns // step) * step, stop_ns, step, dtype=np.int64)
    values = []
    for index, (_, _, level, noise) in enumerate(STREAMS[stream]):
        rng = np.random.default_rng(int(hashlib.sha256(f"{device}{stream}{index}".encode()).hexdigest()[:8], 16))
        phase = rng.uniform(0, 6.28)
        slow = np.sin(t / S / 97 + phase) * noise * 1.5
        # noise that depends on the time alone, so that the same range reads the same twice
        fast = np.modf(np.sin((t // S) * 12.9898 + index * 78.233 + phase) * 43758.5453)[0] * noise
        column = level + slow + fast
        if device == "aurora-27" and stream == "cryostat" and index < 2:
            column = column + np.where((t > NOW - 420 * S) & (t < NOW - 240 * S), noise * 9 * (2 - index), 0.0)
        if device == "borealis-5" and stream == "control" and index == 2:
            column = column + np.where((t > NOW - 1500 * S) & (t < NOW - 900 * S), noise * 14, 0.0)
        if device == "cygnus-127" and stream == "readout" and index in {1, 2}:
            column = column - np.where((t > NOW - 5000 * S) & (t < NOW - 4400 * S), noise * 12, 0.0)
        if index == 1 and t.size > 40:
            column = np.where((t // S) % 211 < 3, np.nan, column)
        values.append(column)
    channels = tuple(Channel(name=n, unit=u, provenance=f"fake:{device}") for n, u, _, _ in STREAMS[stream])
    return Series(
        tenant=tenant, device=device, stream=stream, channels=channels, t_ns=t, values=np.stack(values, axis=1)
    )


def _finding(
    device: str,
    stream: str,
    rule: str,
    title: str,
    ago_s: int,
    long_s: int,
    severity: Severity,
    confidence: float,
    *,
    tenant: str = LOCAL,
    shares: Sequence[tuple[str, float, float]] = (),
    causes: Sequence[CauseVerdict] = (),
    detail: str = "",
    remedy: str = "",
    techniques: Sequence[str] = (),
    more: Sequence[Evidence] = (),
) -> Finding:
    start, stop = NOW - ago_s * S, NOW - (ago_s - long_s) * S
    digest = hashlib.sha256(f"{device}{stream}{start}".encode()).hexdigest()
    attribution = [Attribution(channel=c, share=a, method="conditional-residual") for c, a, _ in shares]
    attribution += [Attribution(channel=c, share=b, method="own-score") for c, _, b in shares]
    return Finding(
        tenant=tenant,
        subject=Subject.stream(device, stream),
        rule=rule,
        title=title,
        detail=detail,
        remedy=remedy,
        start_ns=start,
        stop_ns=stop,
        severity=severity,
        confidence=confidence,
        attribution=tuple(attribution),
        techniques=tuple(techniques),
        evidence=(
            Evidence.of_series(device, stream, start, stop, digest=digest, note="the samples concerned"),
            *more,
        ),
        causes=tuple(causes),
        model_version="2026.11.1",
        false_per_week=0.04,
    )


def _no(cause: str, ratio: float, reason: str, *evidence: Evidence) -> CauseVerdict:
    return CauseVerdict(
        cause=f"watch.causes.{cause}", explained=False, log_likelihood_ratio=ratio, reason=reason, evidence=evidence
    )


def _yes(cause: str, ratio: float, reason: str, *evidence: Evidence) -> CauseVerdict:
    return CauseVerdict(
        cause=f"watch.causes.{cause}", explained=True, log_likelihood_ratio=ratio, reason=reason, evidence=evidence
    )


def _cases() -> list[tuple[Incident, list[Finding]]]:
    warm = _no("warm_up", -14.2, "The 4 K plate did not move; a warm-up carries every stage.")
    tls = _no("tls_jump", -9.8, "Five channels moved together; a two-level system touches one qubit.")
    recal = _no("authorised_recalibration", -6.1, "No recalibration was announced within 30 min.")
    write = Evidence(uri="event:aurora-ev-39", note="calibration.write by an API key, 20 s before the shift")
    cryo = _finding(
        "aurora-27",
        "cryostat",
        "watch.detectors.t2q",
        "Mixing chamber warmer by 1.4 mK, with no stage above it",
        420,
        180,
        Severity.CRITICAL,
        0.97,
        shares=[("mxc.temperature", 0.58, 0.51), ("still.temperature", 0.27, 0.31), ("flow", 0.06, 0.09)],
        causes=[warm, tls, recal],
        detail="Hotelling T² left its range (41.3, limit 18.6) for 180 s. The mixing chamber rose from 11.2 mK to 12.6 mK while still and flow moved against their usual correlation.",
        remedy="Hold the queue for aurora-27, compare the heater's set point with the run sheet, and look for a command on the cryostat's network within the marked span.",
        techniques=["impair.cryostat_sabotage"],
        more=[write],
    )
    silent = _finding(
        "aurora-27",
        "readout",
        "watch.quality.silence",
        "Readout stream silent for 41 of its own intervals",
        410,
        120,
        Severity.MEDIUM,
        0.88,
        detail="The stream sends a row a second; none came for 41 s.",
        remedy="Check the acquisition host; the stream reconnects by itself.",
    )
    clock = _finding(
        "borealis-5",
        "control",
        "watch.detectors.cusum",
        "Control clock 56 ns ahead for ten minutes",
        1500,
        600,
        Severity.HIGH,
        0.91,
        shares=[("clock.offset", 0.83, 0.77), ("trigger.jitter", 0.09, 0.12)],
        causes=[_no("warm_up", -11.0, "The rack's temperature is steady within 0.2 K.")],
        detail="The cumulative sum passed its threshold 12 s after the shift began.",
        remedy="Compare with PTP and a second reference; a timing channel needs less than 10 ns.",
        techniques=["exfiltrate.timing_covert_channel"],
    )
    swap = _finding(
        "cygnus-127",
        "readout",
        "watch.detectors.identity",
        "Frequency vector no longer matches this device",
        5000,
        600,
        Severity.HIGH,
        0.74,
        shares=[("q1.iq_separation", 0.44, 0.38), ("q2.iq_separation", 0.39, 0.41), ("q0.iq_separation", 0.05, 0.08)],
        causes=[tls, recal],
        detail="Two qubits fell by more than a relinking tolerance.",
        remedy="Run the identity circuit set before any attested job.",
        techniques=["impair.device_substitution"],
    )
    jump = _finding(
        "borealis-5",
        "readout",
        "watch.detectors.ewma",
        "Qubit 3 relaxes 31 % faster",
        9100,
        900,
        Severity.MEDIUM,
        0.66,
        shares=[("q3.iq_separation", 0.92, 0.9)],
        causes=[_yes("tls_jump", 8.7, "One qubit alone, a step that relaxes, as a two-level system makes it."), warm],
    )
    announced = _finding(
        "cygnus-127",
        "control",
        "watch.detectors.limits",
        "Drive power of qubit 0 stepped by 4 %",
        16_000,
        300,
        Severity.LOW,
        0.81,
        shares=[("lo.q0.power", 0.95, 0.93)],
        causes=[
            _yes(
                "authorised_recalibration",
                12.4,
                "calibration.write by operator s.lindgren, 40 s before, announced.",
                Evidence(uri="event:cygnus-ev-12", note="the recalibration"),
            )
        ],
    )
    queue = _finding(
        "borealis-5",
        "queue",
        "watch.detectors.spectral",
        "Job arrivals beat at exactly 0.5 Hz",
        2600,
        800,
        Severity.MEDIUM,
        0.58,
        shares=[("interarrival", 0.71, 0.66), ("depth", 0.18, 0.22)],
        causes=[_no("co_tenant_load", -2.2, "Load alone does not give a line this narrow (Q = 410).")],
        remedy="Ask the tenant of the jobs in the span; rate-limit if unanswered.",
        techniques=["exfiltrate.queue_timing"],
    )
    stale = _finding(
        "cygnus-127",
        "cryostat",
        "watch.quality.clock_skew",
        "Two sources disagree by 3.1 s about the time",
        40_000,
        60,
        Severity.INFORMATIONAL,
        0.99,
        remedy="Point both hosts at the same NTP servers.",
    )
    return [
        _case([cryo, silent], 0.97, 0.92, "critical: chemistry run (inventory) loses 2.1 % fidelity on 27 qubits"),
        _case([clock], 0.91, 0.7, "3 workloads share the control rack", owner="m.okafor", ack=True),
        _case([swap], 0.74, 0.66, "attested jobs rely on this device's identity"),
        _case([queue], 0.58, 0.35, "no workload is named; the device counts as ordinary"),
        _case([stale], 0.99, 0.08, "only the order of events is affected"),
        _case([jump], 0.12, 0.4, "one of five qubits", state=IncidentState.EXPLAINED),
        _case([announced], 0.04, 0.5, "announced", state=IncidentState.EXPLAINED),
        _case(
            [dataclasses.replace(clock, start_ns=NOW - 70_000 * S, stop_ns=NOW - 69_000 * S, title="Clock stepped by 2.4 µs at the leap of the grandmaster")],
            0.2,
            0.3,
            "none",
            state=IncidentState.RESOLVED,
            label=Label.FAULT,
        ),
    ]  # fmt: skip


def _case(
    findings: list[Finding],
    likelihood: float,
    impact: float,
    reason: str,
    *,
    state: IncidentState = IncidentState.OPEN,
    label: Label = Label.UNKNOWN,
    owner: str = "",
    ack: bool = False,
) -> tuple[Incident, list[Finding]]:
    first = findings[0]
    line = [TimelineEntry(t_ns=first.start_ns + 12 * S, actor=f.rule, what=f"Found: {f.title}") for f in findings]
    if ack:
        line.append(TimelineEntry(t_ns=first.stop_ns, actor=owner, what="Acknowledged; comparing with PTP"))
    return Incident(
        incident_id=f"inc-{first.finding_id[:10]}",
        device=first.device,
        title=first.title,
        state=IncidentState.ACKNOWLEDGED if ack else state,
        label=label,
        owner=owner,
        severity=max(f.severity for f in findings),
        likelihood=likelihood,
        impact=impact,
        impact_reason=reason,
        start_ns=min(f.start_ns for f in findings),
        stop_ns=max(f.stop_ns for f in findings),
        findings=tuple(f.finding_id for f in findings),
        timeline=tuple(line),
        paged=likelihood * impact > 0.5,
    ), findings


def _snapshot(device: str, t_ns: int) -> DeviceSnapshot:
    qubits = int(device.rsplit("-", 1)[1])
    rng = np.random.default_rng(qubits)
    parameters: list[Parameter] = []
    for q in range(qubits):
        t1 = float(rng.normal(180e-6, 40e-6))
        parameters += [
            Parameter(component=f"q{q}", name="T1", value=t1, unit="s"),
            Parameter(component=f"q{q}", name="T2", value=t1 * 0.7, unit="s"),
            Parameter(component=f"q{q}", name="frequency", value=float(rng.normal(4.9e9, 1e8)), unit="Hz"),
            Parameter(component=f"q{q}", name="readout_error", value=float(rng.uniform(0.006, 0.03)), unit="1"),
        ]
    parameters.append(
        Parameter(component="cz.0_1", name="gate_error", value=math.nan, unit="1", flag="sentinel: gate_error 1.0")
    )
    coupling = tuple((q, q + 1) for q in range(qubits - 1))
    return DeviceSnapshot(device=device, t_ns=t_ns, qubits=qubits, coupling=coupling, parameters=tuple(parameters))


def _events(device: str) -> list[Event]:
    verbs = (
        ("RunJob", EventClass.API_ACTIVITY, "t.nakamura", "job/4c1e", 4096),
        ("GetBackend", EventClass.API_ACTIVITY, "svc-chemistry", "backend", 0),
        ("calibration.write", EventClass.DEVICE_CONFIG_CHANGE, "s.lindgren", "calibration/general", 0),
        ("Login", EventClass.AUTHENTICATION, "m.okafor", "", 0),
    )
    found = []
    for n in range(40):
        verb, kind, actor, resource, shots = verbs[n % 4]
        if n == 39:
            verb, kind, actor, resource, shots = (*verbs[2][:2], "key-7f3a", "cryostat/heater", 0)
        found.append(
            Event(
                device=device,
                event_id=f"{device.split('-', maxsplit=1)[0]}-ev-{n}",
                t_ns=NOW - (20_000 - n * 500) * S if n < 39 else NOW - 440 * S,
                event_class=kind,
                activity=verb,
                actor=actor,
                resource=resource,
                shots=shots,
                status=Status.FAILURE if n % 7 == 3 else Status.SUCCESS,
                source_ip=f"10.4.0.{n + 2}",
                job_id="4c1e" if shots else "",
                provenance=f"audit.jsonl:{n + 1}",
            )
        )
    return found


class FakeDesk:
    """Implements ``serve.desk.Desk`` for the tenant ``local``; another tenant sees nothing of it.

    Args:
        empty: Nothing is connected.
        learning: Every stream still learns.
        full: ``push`` raises UnavailableError.
    """

    def __init__(self, *, empty: bool = False, learning: bool = False, full: bool = False) -> None:
        self.empty, self.learning, self.full = empty, learning, full
        self.now_ns = NOW
        self.pushed: list[Delivery] = []
        self.changes: list[tuple[str, str, str, Change]] = []
        self.live_closed = threading.Event()
        self.live_pause_s = 0.25
        self.truths: tuple[Truth, ...] = (
            Truth(kind="attack", name="impair.cryostat_sabotage", device="aurora-27", start_ns=NOW - 421 * S, stop_ns=NOW - 240 * S),
            Truth(kind="attack", name="exfiltrate.timing_covert_channel", device="borealis-5", start_ns=NOW - 1500 * S, stop_ns=NOW - 900 * S),
            Truth(kind="innocent", name="watch.causes.tls_jump", device="borealis-5", start_ns=NOW - 9100 * S, stop_ns=NOW - 8200 * S),
            Truth(kind="innocent", name="watch.causes.pulse_tube", device="cygnus-127", start_ns=NOW - 12000 * S, stop_ns=NOW - 11900 * S),
            Truth(kind="attack", name="impair.crosstalk_hammering", device="cygnus-127", start_ns=NOW - 30000 * S, stop_ns=NOW - 29500 * S),
        )  # fmt: skip
        self.known: dict[tuple[str, str], Incident] = {}
        self.found: dict[tuple[str, str], Finding] = {}
        self.refused: list[tuple[str, Quarantined]] = [
            (LOCAL, Quarantined(where="logs/26-11-22/CH6 T 26-11-22.log:4711", reason="The value '1.13E-0x' is not a number.", excerpt=b"22-11-26,11:02:14,1.13E-0x".hex(), t_ns=NOW - 900 * S)),
            (LOCAL, Quarantined(where="ibm/aurora-27.json#qubits[3][0]", reason="T1 has the unit 'us ' that is not known.", excerpt=b'{"name":"T1","unit":"us ","value":101.2}'.hex(), t_ns=NOW - 7000 * S)),
            (LOCAL, Quarantined(where="push[2] channel 7", reason="The date lies in 2231.", t_ns=NOW - 40_000 * S)),
        ]  # fmt: skip
        if not (empty or learning):
            for incident, findings in _cases():
                self.add(incident, findings)

    def add(self, incident: Incident, findings: Sequence[Finding]) -> None:
        """Put one more incident on the desk."""
        self.known[incident.tenant, incident.incident_id] = incident
        self.found |= {(f.tenant, f.finding_id): f for f in findings}

    def overview(self, tenant: str) -> Overview:
        if tenant != LOCAL or self.empty:
            return Overview(now_ns=self.now_ns)
        streams = [self._health(d, s) for d in DEVICES for s in STREAMS]
        return Overview(
            now_ns=self.now_ns,
            streams=tuple(streams),
            rows_total=1_284_402,
            values_per_s=5_320.4,
            quarantined=len(self.refused),
            changes=(
                "aurora-27: median T1 fell from 188 µs to 171 µs",
                "cygnus-127: recalibrated by s.lindgren, 4 h ago",
                "borealis-5: new source audit:/var/log/jobs.jsonl",
                "2 incidents more than the day before, 1 of them critical",
            ),
            notice="Demonstration on the twin: the calibration background is real, the incidents are staged.",
        )

    def _health(self, device: str, stream: str) -> StreamHealth:
        state, reason, score = StreamState.WATCHING, "", 0.08
        if self.learning:
            state, reason, score = StreamState.LEARNING, "about 40 s left (212 of 600 rows)", 0.0
        elif (device, stream) == ("cygnus-127", "queue"):
            state, reason = StreamState.LEARNING, "about 40 s left (561 of 600 rows)"
        elif (device, stream) == ("aurora-27", "readout"):
            state, reason = StreamState.DEGRADED, "one row in nine is missing"
        elif (device, stream) == ("borealis-5", "queue"):
            state, reason = StreamState.SILENT, "no row for 52 s, usually one every 2 s"
        elif (device, stream) == ("aurora-27", "cryostat"):
            score = 0.93
        return StreamHealth(
            device=device,
            stream=stream,
            state=state,
            reason=reason,
            channels=len(STREAMS[stream]),
            rate_hz=0.0 if state is StreamState.SILENT else 1.0,
            last_ns=self.now_ns - (52 * S if state is StreamState.SILENT else S // 2),
            score=score,
        )

    def incidents(self, tenant: str, state: IncidentState | None = None, limit: int = 100) -> Sequence[Incident]:
        mine = [i for (t, _), i in self.known.items() if t == tenant and (state is None or i.state is state)]
        return sorted(mine, key=lambda i: (i.state in {"explained", "resolved"}, -i.priority))[:limit]

    def incident(self, tenant: str, incident_id: str) -> Incident:
        try:
            return self.known[tenant, incident_id]
        except KeyError:
            raise BadInputError("there is no such incident", where=incident_id[:80]) from None

    def findings(self, tenant: str, finding_ids: Sequence[str]) -> Sequence[Finding]:
        return [self.found[tenant, f] for f in finding_ids if (tenant, f) in self.found]

    def change(self, scope: Scope, incident_id: str, change: Change) -> Incident:
        tenant, actor = scope.one_tenant(), scope.principal.name
        if actor == "guest":
            raise RejectedError("guests may only look", hint="ask for the operator role")
        old = self.incident(tenant, incident_id)
        said = [f"State set to {change.state}"] if change.state else []
        said += [f"Labelled {change.label}"] if change.label else []
        said += [f"Owner set to {change.owner or 'nobody'}"] if change.owner is not None else []
        said += [change.note] if change.note else []
        line = old.timeline + tuple(TimelineEntry(t_ns=self.now_ns, actor=actor, what=text) for text in said)
        new = dataclasses.replace(
            old,
            state=change.state or old.state,
            label=change.label or old.label,
            owner=old.owner if change.owner is None else change.owner,
            timeline=line,
        )
        self.changes.append((tenant, incident_id, actor, change))
        self.known[tenant, incident_id] = new
        return new

    def series(
        self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int = 2_000
    ) -> Sequence[Series]:
        if tenant != LOCAL or self.empty or device not in DEVICES or stream not in STREAMS:
            return []
        return [_series(tenant, device, stream, start_ns, min(stop_ns, self.now_ns), points)]

    def live(self, tenant: str, device: str) -> Iterator[Series | None]:
        try:
            pause, at = threading.Event(), self.now_ns
            while True:
                pause.wait(self.live_pause_s)
                if tenant != LOCAL or device not in DEVICES:
                    yield None
                    continue
                at += S
                for stream in STREAMS:
                    yield _series(tenant, device, stream, at, at + S, 1)
        finally:
            self.live_closed.set()

    def events(self, tenant: str, device: str, start_ns: int, stop_ns: int, limit: int = 200) -> Sequence[Event]:
        if tenant != LOCAL or device not in DEVICES:
            return []
        return [e for e in sorted(_events(device), key=lambda e: e.t_ns) if start_ns <= e.t_ns < stop_ns][:limit]

    def states(self, tenant: str, device: str) -> Sequence[OperatingState]:
        if tenant != LOCAL or device != DEVICES[0]:
            return []
        since = ((OperatingMode.CIRCULATING, 90), (OperatingMode.WARMING, 30), (OperatingMode.CIRCULATING, 26))
        return [
            OperatingState(
                device=device, mode=mode, entered_ns=NOW - hours * 3_600 * S, reason="4k 3.1 K (cold: 3.1 K)"
            )
            for mode, hours in since
        ]

    def snapshots(
        self, tenant: str, device: str, limit: int = 10, until_ns: int = LATEST_NS
    ) -> Sequence[DeviceSnapshot]:
        if tenant != LOCAL or device not in DEVICES:
            return []
        kept = [_snapshot(device, NOW - h * 3_600 * S) for h in (29, 5)]
        return [s for s in kept if s.t_ns < until_ns][-limit:]

    def quarantine(self, tenant: str, limit: int = 100) -> Sequence[Quarantined]:
        return [q for t, q in self.refused if t == tenant][:limit]

    def truth(self) -> Sequence[Truth]:
        return self.truths

    def push(self, delivery: Delivery) -> Receipt:
        if self.full:
            raise UnavailableError("the queue is full", hint="keep the data and try again")
        self.pushed.append(delivery)
        values = sum(int(d.values.size) for d in delivery.data if isinstance(d, Series))
        return Receipt(sequence=len(self.pushed), digest="0" * 64, values=values)
