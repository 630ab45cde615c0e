"""What watchers that keep something of each subject share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from mumetal.core.delivery import Datum
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.ports import Observed, Span, WatcherState
from mumetal.core.series import Series
from mumetal.core.stream_health import StreamHealth, StreamState
from mumetal.core.technique import Conditions, Power
from mumetal.core.watcher import PlainWatcher
from mumetal.watch.detectors.power import blind
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.rows import within
from mumetal.watch.state.saving import Saved, parts_of, restore, save, state_of

Key = tuple[str, str, str]  # tenant, device, stream
CALIBRATION = "calibration"
T = TypeVar("T")


def key_of(datum: Datum) -> Key:
    """Return whose a datum is: tenant, device and stream; a calibration's stream is ``"calibration"``, an event's empty."""
    if isinstance(datum, Series):
        return datum.tenant, datum.device, datum.stream
    return datum.tenant, datum.device, CALIBRATION if hasattr(datum, "parameters") else ""


class Watched(Protocol):
    """What watches one stream, and how it is doing."""

    @property
    def state(self) -> str:
        """``"learning"``, ``"watching"`` or ``"degraded"``."""

    @property
    def reason(self) -> str:
        """Why it is not simply watching."""

    channels: int
    rate_hz: float
    last_ns: int
    score: float


def health_of(key: Key, kept: Watched) -> StreamHealth:
    """Return how what watches one stream is doing."""
    return StreamHealth(
        tenant=key[0],
        device=key[1],
        stream=key[2],
        state=StreamState(kept.state),
        reason=kept.reason,
        channels=kept.channels,
        rate_hz=kept.rate_hz,
        last_ns=kept.last_ns,
        score=kept.score,
    )


class PerSubject(PlainWatcher, Generic[T]):
    """A watcher that keeps something of each subject; its subclasses say what they want and how they look at it.

    What it has learnt is the state of each thing that it keeps, and of what it ``has`` beside them.

    Args:
        make: Makes what is kept, for a subject first seen.
        has: What there is beside, by name.
    """

    budgeted = True

    def __init__(self, make: Callable[[Key], T], **has: object) -> None:
        self._make, self._has = make, has
        self._kept: dict[Key, T] = {}
        self._restored: set[Key] = set()

    def of(self, key: Key) -> T:
        """Return what is kept of a subject."""
        if key not in self._kept:
            self._kept[key] = self._make(key)
        return self._kept[key]

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Look at data of one subject."""
        found: list[Finding] = []
        for datum in data:
            found += self.look(self.of(key_of(datum)), datum, now_ns)
        return Observed(findings=tuple(found))

    def look(self, kept: T, datum: Datum, now_ns: int) -> Sequence[Finding]:
        """Look at one datum beside what is kept of its subject."""
        raise NotImplementedError

    def save(self) -> WatcherState:
        """Return the state of all that it keeps."""
        parts: dict[tuple[str, ...], Saved] = {(name,): save(thing) for name, thing in self._has.items()}
        for key, kept in self._kept.items():
            for name, thing in self.pieces(kept).items():
                parts[*key, name] = thing.save() if isinstance(thing, StreamMonitor) else save(thing)
        return state_of(parts)

    def restore(self, state: WatcherState) -> bool:
        """Go on from it; False where something could not be taken over: what could is not learnt anew by :meth:`prime`."""
        try:
            parts = parts_of(state)
        except BadInputError:
            return False
        whole = all((name,) in parts and restore(thing, *parts[name,]) for name, thing in self._has.items())
        for key in dict.fromkeys((k[0], k[1], k[2]) for k in parts if len(k) == 4):
            whole &= self._restore_one(key, parts)
        return whole

    def _restore_one(self, key: Key, parts: Mapping[tuple[str, ...], Saved]) -> bool:
        kept = self._make(key)
        for name, thing in self.pieces(kept).items():
            saved = parts.get((*key, name))
            if saved is None:
                return False
            if not (thing.restore(*saved) if isinstance(thing, StreamMonitor) else restore(thing, *saved)):
                return False
        self._kept[key] = kept
        self._restored.add(key)
        return True

    def pieces(self, kept: T) -> Mapping[str, object]:
        """Return what a state holds of what is kept of one subject, by name; the one that may be refused last."""
        return {"": kept}

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say that it answers none by itself."""
        del conditions
        return blind(self.info, technique, "1", "keeps a promise of the data, answers no technique by itself")


def of_stream(spans: Sequence[Span], key: Key) -> list[tuple[int, int]]:
    """Return from when until before when spans cover a stream, ns since 1970 UTC."""
    return [(span.start_ns, span.stop_ns) for span in spans if span.covers(*key)]


def outside(series: Series, exclude: Sequence[Span]) -> Series | None:
    """Return the rows of a series that may be learnt from; None when none is left."""
    spans = [s for s in exclude if s.covers(series.tenant, series.device, series.stream)]
    if not spans:
        return series
    keep = ~within(series, of_stream(spans, (series.tenant, series.device, series.stream)))
    if not keep.any():
        return None
    return Series(
        tenant=series.tenant,
        device=series.device,
        stream=series.stream,
        channels=series.channels,
        t_ns=series.t_ns[keep],
        values=series.values[keep],
        seq=series.seq[keep],
    )
