"""Watches the promises of the data themselves: gaps, clocks, units, frozen channels, stale figures, rewritten records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from mumetal.core.artefact import Evidence
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, PluginInfo
from mumetal.core.series import Series
from mumetal.core.subject import Subject
from mumetal.watch.ongoing import Ongoing
from mumetal.watch.quality.breach import Breach
from mumetal.watch.quality.event import EventRules
from mumetal.watch.quality.series import SeriesRules
from mumetal.watch.quality.snapshot import check_snapshot
from mumetal.watch.settings import WatchSettings
from mumetal.watch.watchers.per_subject import CALIBRATION, Key, PerSubject, key_of

QUIET_NS = 600 * 10**9  # a rule kept for so long is no longer broken


@dataclass(slots=True, kw_only=True)
class QualityRules:
    """Rules for one subject's samples and records."""

    series: SeriesRules
    events: EventRules


class QualityWatcher(PerSubject[QualityRules]):
    """One finding per rule and subject when it is broken, and its last version when it has been kept for a while.

    Args:
        settings: What counts as stale, and as a clock that is off.
    """

    info = PluginInfo(plugin_id="watch.quality", title="Promises of the data")
    has_causes = False

    def __init__(self, settings: WatchSettings) -> None:
        skew = settings.clock_skew_s
        self._ongoing = Ongoing(hold_ns=QUIET_NS)
        super().__init__(
            lambda _: QualityRules(series=SeriesRules(skew), events=EventRules(skew)), ongoing=self._ongoing
        )
        self._stale_hours = settings.stale_hours

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to everything."""
        del kind, subject
        return True

    def pieces(self, kept: QualityRules) -> Mapping[str, object]:
        """Return the rules for samples and those for records."""
        return {"series": kept.series, "events": kept.events}

    def look(self, kept: QualityRules, datum: Datum, now_ns: int) -> Sequence[Finding]:
        """Hold one datum against the rules for its kind."""
        key = key_of(datum)
        if isinstance(datum, Series):
            if not len(datum):
                return ()
            out = self._broken(kept.series.check(datum, now_ns), key)
            return out + self._ongoing.pass_time(int(datum.t_ns[-1]), key)
        if isinstance(datum, Event):
            out = []
            for breach in kept.events.check(datum, now_ns):
                evidence = Evidence(uri=f"event:{datum.event_id}", note=breach.info.title)
                out += self._seen(breach, key, evidence)
            return out
        out = self._broken(check_snapshot(datum, self._stale_hours), key)
        return out + self._ongoing.pass_time(datum.t_ns, key)

    def _broken(self, breaches: Iterable[Breach], key: Key) -> list[Finding]:
        out: list[Finding] = []
        for breach in tuple(breaches):
            out += self._seen(breach, key, where(breach, key[1], key[2]))
        return out

    def _seen(self, breach: Breach, key: Key, evidence: Evidence) -> list[Finding]:
        return self._ongoing.seen((breach.info.plugin_id, *key), breach.finding(*key, evidence))


def where(breach: Breach, device: str, stream: str) -> Evidence:
    """Point at what broke a rule."""
    if stream == CALIBRATION:
        return Evidence(uri=f"snapshot:{quote(device, safe='')}?t={breach.start_ns}", note=breach.info.title)
    return Evidence.of_series(device, stream, breach.start_ns, breach.stop_ns, note=breach.info.title)
