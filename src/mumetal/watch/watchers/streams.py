"""Watches fast streams: the listed detectors, learnt from each stream's own quiet past."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from mumetal.core import LOCAL
from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.ports import AlertBudget, DatumKind, Observed, PluginInfo, Span
from mumetal.core.series import Series
from mumetal.core.stream_health import StreamHealth
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.watch.detectors.power import blind
from mumetal.watch.learned import Models, Watching, no_models
from mumetal.watch.listed import DETECTORS
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.quality.silence import Silence
from mumetal.watch.settings import WatchSettings
from mumetal.watch.watchers.per_subject import CALIBRATION, Key, PerSubject, health_of, key_of, of_stream, outside

CHANGED = "channels changed, learning anew until they come back"
CLOSED_AFTER_S = 60.0  # a stream silent for longer has no open alert


@dataclass(slots=True, kw_only=True)
class WatchedStream:
    """What watches one stream, and the rhythm in which it arrives.

    A stream whose keys drop out for a while, or that has one batch with another unit, is watched meanwhile as what it is then;
    what was learnt of it goes on when the channels come back. Of several such maps the one that was learnt is kept, in memory.

    Args:
        monitor: Watches the channels of now.
        rhythm: When it is heard of.
        epoch: Their map; empty before the first row and after a restart.
        other: What watched other channels before.
        other_epoch: The map of those.
    """

    monitor: StreamMonitor
    rhythm: Silence
    epoch: str = ""
    other: StreamMonitor | None = None
    other_epoch: str = ""

    def turn_to(self, epoch: str, fresh: Callable[[], StreamMonitor]) -> list[Finding]:
        """Watch the channels of ``epoch`` from now on; returns what is closed with the former ones."""
        if epoch == self.epoch or not self.epoch:
            self.epoch = epoch
            return []
        closed = self.monitor.finish("the channel map changed")
        if epoch == self.other_epoch and self.other is not None:
            self.monitor, self.other = self.other, self.monitor
            self.epoch, self.other_epoch = epoch, self.epoch
            return closed
        if self.other is None or self.other.state == "learning":
            if self.other is not None:
                self.other.leave()
            self.other, self.other_epoch = self.monitor, self.epoch
        else:
            self.monitor.leave()
        self.monitor, self.epoch = fresh(), epoch
        return closed


class StreamWatcher(PerSubject[WatchedStream]):
    """Scores samples with every detector that watches such a stream; exceedances of one family are one finding.

    Args:
        settings: How streams are watched.
        budget: Shared by everything that may raise an alert.
        background: Where detectors are fitted anew while the former ones go on; without it, in the calling thread.
        models: Says which models of the registry are active now, verified; they watch the house's own tenant.
        codes: Pulse timing codes that are looked for beside the usual ones.
    """

    info = PluginInfo(plugin_id="watch.watchers.streams", title="Samples against the stream's own past")

    def __init__(
        self,
        settings: WatchSettings,
        budget: AlertBudget,
        background: Executor | None = None,
        models: Models = no_models,
        codes: tuple[Watching, ...] = (),
    ) -> None:
        def monitor(key: Key) -> StreamMonitor:
            def watching() -> tuple[Watching, ...]:
                return (*(models() if key[0] == LOCAL else ()), *codes)

            return StreamMonitor(settings, budget, background, watching)

        super().__init__(lambda key: WatchedStream(monitor=monitor(key), rhythm=Silence(settings.silence_factor)))
        self._monitor = monitor
        self._barred: tuple[Span, ...] = ()

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to samples."""
        return kind == "series" and subject.name != CALIBRATION

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Learn from or score rows."""
        out = Observed()
        for datum in data:
            assert isinstance(datum, Series)
            key = key_of(datum)
            kept = self.of(key)
            found = [*self._turn(key, kept, datum), *kept.monitor.observe(datum)] if len(datum) else []
            interval = 1 / kept.monitor.rate_hz if kept.monitor.rate_hz > 0 else 0.0
            kept.rhythm.heard(now_ns, interval)
            closed = {f.finding_id for f in found} - kept.monitor.out
            out = Observed(findings=(*out.findings, *found), closed=out.closed | closed)
        return out

    def late(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Judge rows that came out of order; what they show is told and over."""
        del now_ns
        found: list[Finding] = []
        for datum in data:
            assert isinstance(datum, Series)
            kept = self.of(key_of(datum))
            known = kept.other if kept.other is not None and datum.epoch == kept.other_epoch else kept.monitor
            found += known.late(datum)
        return Observed(findings=tuple(found), closed=frozenset(f.finding_id for f in found))

    def _turn(self, key: Key, kept: WatchedStream, datum: Series) -> list[Finding]:
        former = kept.monitor
        closed = kept.turn_to(datum.epoch, lambda: self._monitor(key))
        if kept.monitor is not former:
            kept.monitor.bar(of_stream(self._barred, key))
        return closed

    def tick(self, now_ns: int) -> Observed:
        """Close what is open on streams that fell silent."""
        found = [
            finding
            for kept in self._kept.values()
            if kept.rhythm.is_silent(now_ns) and kept.rhythm.quiet_s(now_ns) > CLOSED_AFTER_S
            for finding in kept.monitor.finish("the stream fell silent")
        ]
        return Observed(findings=tuple(found), closed=frozenset(f.finding_id for f in found))

    def pieces(self, kept: WatchedStream) -> Mapping[str, object]:
        """Return the rhythm and the monitor."""
        return {"rhythm": kept.rhythm, "monitor": kept.monitor}

    def of(self, key: Key) -> WatchedStream:
        """Return what watches a stream; one seen first keeps to what is barred."""
        known = key in self._kept
        kept = super().of(key)
        if not known:
            kept.monitor.bar(of_stream(self._barred, key))
        return kept

    def bar(self, spans: Sequence[Span]) -> None:
        """Keep every stream from learning from these spans."""
        self._barred = tuple(spans)
        for key, kept in self._kept.items():
            kept.monitor.bar(of_stream(spans, key))

    def prime(self, history: Iterable[Datum], exclude: Sequence[Span]) -> None:
        """Learn a stream anew from its stored past; one that was restored takes the rows that its state left in the store."""
        fresh: set[Key] = set()
        for datum in history:
            assert isinstance(datum, Series)
            key, calm = key_of(datum), outside(datum, exclude)
            if key in self._restored:
                self.of(key).monitor.recall(calm if calm is not None else datum.rows(0, 0))
                continue
            if key in self._kept and key not in fresh:
                self._kept.pop(key).monitor.leave()
            fresh.add(key)
            if calm is not None:
                kept = self.of(key)
                self._turn(key, kept, calm)
                kept.monitor.prime(calm)

    def health(self, now_ns: int) -> Sequence[StreamHealth]:
        """Say how every stream is doing; asked by other threads than the one that watches."""
        del now_ns
        told: list[StreamHealth] = []
        for key, kept in self._kept.copy().items():
            one = replace(health_of(key, kept.monitor), budget_note=kept.monitor.budget_note)
            changed = kept.other is not None and one.state == "learning"
            told.append(replace(one, reason=f"{CHANGED}; {one.reason}") if changed else one)
        return told

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Return the best of its detectors' answers."""
        answers = [make().power(technique, conditions) for _, make in DETECTORS if technique in make().info.techniques]
        none = blind(self.info, technique, "1", "no detector of samples answers it")
        return min(answers, key=lambda power: power.smallest, default=none)
