"""The room's front door: committed data in, findings out, with the innocent causes considered."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote

import numpy as np

from mumetal.core import LOCAL
from mumetal.core.artefact import Evidence
from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.settings import WatchSettings
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.watch.authored.commits import CommitMonitor, record_finding
from mumetal.watch.calibrate import Budget
from mumetal.watch.causes import CAUSES
from mumetal.watch.covert.codes import Codes
from mumetal.watch.covert.export import ExportWatch
from mumetal.watch.covert.misreport import CanaryWitness
from mumetal.watch.covert.noisy_replay import NoisyReplay
from mumetal.watch.learned import Models, Watching, no_models
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.ongoing import Ongoing
from mumetal.watch.quality.breach import Breach
from mumetal.watch.quality.event import EventRules
from mumetal.watch.quality.series import SeriesRules
from mumetal.watch.quality.silence import INFO as SILENCE
from mumetal.watch.quality.silence import Silence
from mumetal.watch.quality.snapshot import check_snapshot
from mumetal.watch.slow import SnapshotMonitor

SceneOf = Callable[[Finding], Scene]
Key = tuple[str, str, str]
QUIET_NS = 600 * 10**9  # a rule kept for so long is no longer broken
FIRST_LOOK_NS = 10**9  # so long after it was raised a finding's causes are considered again …
LAST_LOOK_NS = 60 * 10**9  # … then ever more rarely, down to once in so long
SILENT = SILENCE.plugin_id
_log = RoomLogger("watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """One stream of one device.

    Args:
        tenant: Who owns the data.
        device: Device name.
        stream: Stream name.
        state: ``"learning"``, ``"watching"``, ``"degraded"`` or ``"silent"``.
        reason: Why it is not simply watching; how far the learning is.
        channels: How many channels.
        rate_hz: Rows a second.
        last_ns: Time of the newest row.
        score: Largest current score relative to its threshold, in [0, 1].
    """

    tenant: str
    device: str
    stream: str
    state: str
    reason: str = ""
    channels: int = 0
    rate_hz: float = 0.0
    last_ns: int = 0
    score: float = 0.0


class Watch:
    """Watches every stream that comes by.

    Args:
        settings: How streams are watched.
        clock: Where the time of arrival comes from.
        scene_of: Returns what surrounds a finding, for the causes to judge by.
        background: Where detectors are fitted anew while the former ones go on; without it, in the calling thread.
        models: Says which models of the registry are active now, verified.
        codes: Pulse timing codes that are looked for beside the usual ones.
    """

    def __init__(
        self,
        settings: WatchSettings,
        clock: Clock,
        scene_of: SceneOf,
        background: Executor | None = None,
        models: Models = no_models,
        codes: Codes | None = None,
    ) -> None:
        self._codes = () if codes is None else (codes,)
        self._settings, self._clock, self._scene_of = settings, clock, scene_of
        self._background, self._models = background, models
        self._budget = Budget(settings.alerts_per_week)
        self._streams: dict[Key, Stream] = {}
        self._events: dict[tuple[str, str], EventRules] = {}
        self._exports: dict[tuple[str, str], ExportWatch] = {}
        self._ongoing = Ongoing(hold_ns=QUIET_NS)
        self._witnesses: dict[tuple[str, str], CanaryWitness] = {}
        self._authored: dict[tuple[str, str], CommitMonitor] = {}
        self._standing: dict[str, Standing] = {}
        self._told: dict[Key, str] = {}

    def observe(self, datum: Datum) -> list[Finding]:
        """Judge committed data; findings carry the causes considered, and evidence without digests."""
        now = self._clock.now_ns()
        if isinstance(datum, Event):
            return self._event(datum, now)
        out: list[Finding] = []
        if isinstance(datum, DeviceSnapshot):
            breaches = tuple(check_snapshot(datum, self._settings.stale_hours))
            out += self._broken(breaches, datum.tenant, datum.device, "calibration", datum.t_ns)
            if datum.revision:
                monitor = self._authored.setdefault((datum.tenant, datum.device), CommitMonitor())
                return out + [self._considered(f) for f in monitor.observe(datum)]
            rows = datum.series()
        else:
            rows = datum
        if len(rows) == 0:
            return out
        witness = self._witnesses.setdefault((rows.tenant, rows.device), CanaryWitness())
        stream = self._stream(rows)
        fresh = rows.rows(int(np.searchsorted(rows.t_ns, stream.monitor.last_ns, side="right")), len(rows))
        if isinstance(datum, DeviceSnapshot) and len(fresh):
            out += [self._considered(f) for f in witness.judge(datum)]
        if isinstance(datum, Series) and len(fresh):
            out += [self._considered(f) for f in witness.note(fresh)]
            breaches = tuple(stream.rules.check(fresh, now))
            out += self._broken(breaches, rows.tenant, rows.device, rows.stream, int(fresh.t_ns[-1]))
        found = stream.monitor.observe(rows)
        if stream.replay is not None and len(fresh):
            found += stream.replay.observe(fresh)
        interval = 1 / stream.monitor.rate_hz if stream.monitor.rate_hz > 0 else 0.0
        stream.silence.heard(now, interval)
        key = (SILENT, rows.tenant, rows.device, rows.stream)
        out += self._ongoing.gone(key)
        out += [self._first(f, rows) for f in found]
        if len(fresh):
            out += self._again(rows.tenant, rows.device, rows.stream, int(fresh.t_ns[-1]))
        return out

    def tick(self, now_ns: int) -> list[Finding]:
        """Let time pass: silence, and closing of open alerts."""
        out: list[Finding] = []
        for (tenant, device, name), stream in self._streams.items():
            last_ns = stream.monitor.last_ns
            breaches = tuple(stream.silence.check(now_ns, last_ns)) if last_ns else ()
            for breach in breaches:
                finding = breach.finding(tenant, device, name, _where(breach, device, name))
                out += self._ongoing.seen((SILENT, tenant, device, name), finding)
            if breaches:
                for finding in stream.monitor.tick(stream.silence.quiet_s(now_ns)):
                    self._standing.pop(finding.finding_id, None)
                    out.append(self._considered(finding))
            silent = (SILENT, tenant, device, name) in self._ongoing
            self._tell((tenant, device, name), "silent" if silent else stream.monitor.state)
        for place, authored in self._authored.items():
            self._tell((*place, "calibration"), authored.state)
        return out

    def _tell(self, key: Key, state: str) -> None:
        """Tell the log when a stream is in another state than at the last tick."""
        before = self._told.get(key, "new")
        if state != before:
            self._told[key] = state
            tell = _log.warning if state in {"silent", "degraded"} else _log.info
            tell("stream.state", tenant=key[0], device=key[1], stream=key[2], state=state, before=before)

    def status(self) -> tuple[StreamStatus, ...]:
        """Return how every stream is doing, in order of tenant, device and stream."""
        said = [self._status(key, stream) for key, stream in self._streams.items()]
        said += [_told((*key, "calibration"), monitor) for key, monitor in self._authored.items()]
        return tuple(sorted(said, key=lambda s: (s.tenant, s.device, s.stream)))

    def prime(self, history: Series) -> None:
        """Learn from stored history, after a restart, without judging it; oldest rows first."""
        if len(history):
            self._stream(history).monitor.prime(history)

    def remember(self, snapshots: Sequence[DeviceSnapshot]) -> None:
        """Learn from one device's stored calibrations, after a restart, without judging them; oldest first."""
        written = [s for s in snapshots if s.revision]
        for snapshot in snapshots:
            if not snapshot.revision:
                self.prime(snapshot.series())
        if written:
            key = (written[0].tenant, written[0].device)
            self._authored.setdefault(key, CommitMonitor()).remember(written)

    def _status(self, key: Key, stream: "Stream") -> StreamStatus:
        monitor = stream.monitor
        silent = (SILENT, *key) in self._ongoing
        reason = monitor.reason
        if silent:
            reason = f"silent for {stream.silence.quiet_s(self._clock.now_ns()):.0f} s" + (
                f"; {reason}" if reason else ""
            )
        told = _told(key, monitor)
        return replace(told, state="silent" if silent else told.state, reason=reason)

    def _watching(self, tenant: str) -> tuple[Watching, ...]:
        """Return what watches a tenant's streams beside the listed detectors; the registry is the house's own."""
        return (*(self._models() if tenant == LOCAL else ()), *self._codes)

    def _stream(self, series: Series) -> "Stream":
        key = (series.tenant, series.device, series.stream)
        if key not in self._streams:
            monitor: StreamMonitor | SnapshotMonitor
            if series.stream == "calibration":
                monitor = SnapshotMonitor()
            else:
                monitor = StreamMonitor(
                    self._settings,
                    self._budget,
                    self._background,
                    partial(self._watching, series.tenant),
                )
            self._streams[key] = Stream(
                monitor=monitor,
                rules=SeriesRules(self._settings.clock_skew_s),
                silence=Silence(self._settings.silence_factor),
                replay=None if series.stream == "calibration" else NoisyReplay(),
            )
        return self._streams[key]

    def _event(self, event: Event, now_ns: int) -> list[Finding]:
        out = [
            self._considered(f)
            for f in self._exports.setdefault((event.tenant, event.device), ExportWatch()).observe(event)
        ]
        told = record_finding(event, (event.tenant, event.device) in self._authored)
        out += [self._considered(told)] if told is not None else []
        rules = self._events.setdefault((event.tenant, event.device), EventRules(self._settings.clock_skew_s))
        for breach in rules.check(event, now_ns):
            evidence = Evidence(uri=f"event:{event.event_id}", note=breach.info.title)
            finding = breach.finding(event.tenant, event.device, "", evidence)
            out += self._ongoing.seen((breach.info.plugin_id, event.tenant, event.device, ""), finding)
        return out

    def _broken(
        self, breaches: tuple[Breach, ...], tenant: str, device: str, stream: str, data_ns: int
    ) -> list[Finding]:
        """One finding per rule, device and stream when it begins and one when it has been over for a while."""
        out: list[Finding] = []
        for breach in breaches:
            finding = breach.finding(tenant, device, stream, _where(breach, device, stream))
            out += self._ongoing.seen((breach.info.plugin_id, tenant, device, stream), finding)
        return out + self._ongoing.pass_time(data_ns, (tenant, device, stream))

    def _first(self, finding: Finding, rows: Series) -> Finding:
        """Consider a finding that a monitor raises, says anew, or closes."""
        considered = self._considered(finding)
        known = self._standing.pop(finding.finding_id, None) is not None
        monitor = self._stream(rows).monitor
        still = isinstance(monitor, StreamMonitor) and finding.finding_id in monitor.out
        if rows.stream != "calibration" and (still or not known):
            self._standing[finding.finding_id] = Standing(finding=considered, next_ns=finding.stop_ns + FIRST_LOOK_NS)
        return considered

    def _again(self, tenant: str, device: str, stream: str, now_ns: int) -> list[Finding]:
        """Consider open findings again as rows come: what looked innocent may not last so, or the other way round."""
        out: list[Finding] = []
        for standing in self._standing.values():
            finding = standing.finding
            if (finding.tenant, finding.device, finding.stream) != (
                tenant,
                device,
                stream,
            ) or now_ns < standing.next_ns:
                continue
            standing.next_ns = now_ns + min(max(now_ns - finding.start_ns, FIRST_LOOK_NS), LAST_LOOK_NS)
            later = self._considered(replace(finding, stop_ns=max(finding.stop_ns, now_ns + 1)))
            if later.explained != finding.explained:
                standing.finding = later
                out.append(later)
        return out

    def _considered(self, finding: Finding) -> Finding:
        scene = self._scene_of(finding)
        return replace(finding, causes=tuple(cause.explain(finding, scene) for _, cause in CAUSES))


@dataclass(slots=True, kw_only=True)
class Standing:
    """A finding that is out, and when its causes are considered next."""

    finding: Finding
    next_ns: int


@dataclass(slots=True, kw_only=True)
class Stream:
    """What watches one stream."""

    monitor: StreamMonitor | SnapshotMonitor
    rules: SeriesRules
    silence: Silence
    replay: NoisyReplay | None


def _told(key: Key, monitor: StreamMonitor | SnapshotMonitor | CommitMonitor) -> StreamStatus:
    return StreamStatus(
        tenant=key[0],
        device=key[1],
        stream=key[2],
        state=monitor.state,
        reason=monitor.reason,
        channels=monitor.channels,
        rate_hz=monitor.rate_hz,
        last_ns=monitor.last_ns,
        score=monitor.score,
    )


def _where(breach: Breach, device: str, stream: str) -> Evidence:
    if stream == "calibration":
        return Evidence(uri=f"snapshot:{quote(device, safe='')}?t={breach.start_ns}", note=breach.info.title)
    return Evidence.of_series(device, stream, breach.start_ns, breach.stop_ns, note=breach.info.title)
