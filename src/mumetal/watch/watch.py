"""The room's front door: committed data in, findings out, with the innocent causes considered."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.settings import WatchSettings
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.watch.calibrate import Budget
from mumetal.watch.monitor import StreamMonitor

SceneOf = Callable[[Finding], Scene]
Key = tuple[str, str, str]


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
    """

    def __init__(self, settings: WatchSettings, clock: Clock, scene_of: SceneOf) -> None:
        self._settings, self._clock, self._scene_of = settings, clock, scene_of
        self._budget = Budget(settings.alerts_per_week)
        self._streams: dict[Key, StreamMonitor] = {}

    def observe(self, datum: Datum) -> list[Finding]:
        """Judge committed data; findings carry evidence without digests."""
        out: list[Finding] = []
        if isinstance(datum, Series):
            out = self._stream(datum).observe(datum)
        elif isinstance(datum, DeviceSnapshot) or isinstance(datum, Event):
            pass
        return [self._considered(f) for f in out]

    def tick(self, now_ns: int) -> list[Finding]:
        """Let time pass: silence, and closing of open alerts."""
        return []

    def status(self) -> tuple[StreamStatus, ...]:
        """Return how every stream is doing, in order of tenant, device and stream."""
        return tuple(
            StreamStatus(
                tenant=key[0],
                device=key[1],
                stream=key[2],
                state=m.state,
                reason=m.reason,
                channels=m.channels,
                rate_hz=m.rate_hz,
                last_ns=m.last_ns,
                score=m.score,
            )
            for key, m in sorted(self._streams.items())
        )

    def prime(self, history: Series) -> None:
        """Learn from stored history, after a restart, without judging it."""
        self._stream(history).prime(history)

    def _stream(self, series: Series) -> StreamMonitor:
        key = (series.tenant, series.device, series.stream)
        if key not in self._streams:
            self._streams[key] = StreamMonitor(self._settings, self._budget)
        return self._streams[key]

    def _considered(self, finding: Finding) -> Finding:
        return replace(finding, causes=())
