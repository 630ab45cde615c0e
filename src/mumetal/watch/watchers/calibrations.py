"""Watches published calibrations: each against what is known of the device."""

from collections.abc import Iterable, Sequence

from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, PluginInfo, Span
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.watch.detectors.day_to_day import DayToDay
from mumetal.watch.detectors.identity import Identity
from mumetal.watch.slow import SnapshotMonitor
from mumetal.watch.watchers.per_subject import Key, PerSubject, health_of, key_of, of_stream


class CalibrationWatcher(PerSubject[SnapshotMonitor]):
    """Compares each snapshot that a service publishes with those before it; commits are for the commit watcher."""

    info = PluginInfo(plugin_id="watch.watchers.calibrations", title="Calibrations against the device's own past")

    def __init__(self) -> None:
        super().__init__(lambda _: SnapshotMonitor())
        self._barred: tuple[Span, ...] = ()

    def of(self, key: Key) -> SnapshotMonitor:
        """Return what watches a device; one seen first keeps to what is barred."""
        known = key in self._kept
        kept = super().of(key)
        if not known:
            kept.bar(of_stream(self._barred, key))
        return kept

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to snapshots."""
        del subject
        return kind == "snapshot"

    def look(self, kept: SnapshotMonitor, datum: Datum, now_ns: int) -> Sequence[Finding]:
        """Judge one snapshot."""
        del now_ns
        assert isinstance(datum, DeviceSnapshot)
        return () if datum.revision else kept.observe(datum.series())

    def prime(self, history: Iterable[Datum], exclude: Sequence[Span]) -> None:
        """Learn a device's figures anew from its stored snapshots."""
        fresh: set[tuple[str, str, str]] = set()
        for datum in history:
            assert isinstance(datum, DeviceSnapshot)
            key = key_of(datum)
            if key in self._restored:
                continue
            if key not in fresh:
                self._kept.pop(key, None)
                fresh.add(key)
            spoilt = any(start <= datum.t_ns < stop for start, stop in of_stream(exclude, key))
            if not datum.revision and not spoilt:
                self.of(key).prime(datum.series())

    def bar(self, spans: Sequence[Span]) -> None:
        """Forget the snapshots of these spans."""
        self._barred = tuple(spans)
        for key, kept in self._kept.items():
            kept.bar(of_stream(spans, key))

    def health(self, now_ns: int) -> Sequence[StreamHealth]:
        """Say how the calibrations of each device are doing."""
        del now_ns
        return [health_of(key, kept) for key, kept in self._kept.copy().items() if kept.last_ns]

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Return the better answer of its two detectors."""
        answers = (detector.power(technique, conditions) for detector in (Identity(), DayToDay()))
        return min(answers, key=lambda power: power.smallest)
