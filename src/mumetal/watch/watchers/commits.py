"""Watches calibrations that people commit: each commit by its authors' habits, and rewritten histories."""

from collections.abc import Iterable, Sequence

from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, Observed, Span
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.watch.authored.commits import CommitMonitor, record_finding
from mumetal.watch.watchers.per_subject import CALIBRATION, PerSubject, health_of


class CommitWatcher(PerSubject[CommitMonitor]):
    """Judges snapshots that carry a revision, and tells what records say of such a platform's history."""

    info = CommitMonitor.info

    def __init__(self) -> None:
        super().__init__(lambda _: CommitMonitor())

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to snapshots and to records."""
        del subject
        return kind in {"snapshot", "event"}

    def look(self, kept: CommitMonitor, datum: Datum, now_ns: int) -> Sequence[Finding]:
        """Judge one commit."""
        del now_ns
        assert isinstance(datum, DeviceSnapshot)
        return kept.observe(datum)

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Judge commits, and tell records of a platform whose commits are known."""
        found: list[Finding] = []
        for datum in data:
            place = (datum.tenant, datum.device, CALIBRATION)
            if isinstance(datum, Event):
                told = record_finding(datum, place in self._kept)
                found += [told] if told is not None else []
            elif not isinstance(datum, Series) and datum.revision:
                found += self.look(self.of(place), datum, now_ns)
        return Observed(findings=tuple(found))

    def prime(self, history: Iterable[Datum], exclude: Sequence[Span]) -> None:
        """Learn the authors' habits anew from stored commits; also from what stood out, which is told once or twice."""
        del exclude  # docs/explanation/decisions/0022: a lab that changes its way of working is not told of it for ever
        written: dict[tuple[str, str, str], list[DeviceSnapshot]] = {}
        for datum in history:
            if isinstance(datum, DeviceSnapshot) and datum.revision:
                written.setdefault((datum.tenant, datum.device, CALIBRATION), []).append(datum)
        for key, commits in written.items():
            if key in self._restored:
                continue
            self._kept.pop(key, None)
            self.of(key).remember(commits)

    def health(self, now_ns: int) -> Sequence[StreamHealth]:
        """Say how each platform is doing."""
        del now_ns
        return [health_of(key, kept) for key, kept in self._kept.copy().items()]

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say how few figures an attack must change to stand out."""
        return CommitMonitor().power(technique, conditions)
