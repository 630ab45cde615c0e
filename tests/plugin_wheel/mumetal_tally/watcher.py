"""Counts every event, and raises a finding for one that is forbidden."""

from collections.abc import Sequence

from mumetal.core.artefact import Evidence
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding, Severity
from mumetal.core.part import House
from mumetal.core.ports import DatumKind, Observed, PluginInfo, Watcher
from mumetal.core.subject import Subject, SubjectKind
from mumetal.core.watcher import PlainWatcher

from .settings import TallySettings
from .tables import Counts


class ForbiddenWatcher(PlainWatcher):
    """Looks at events of all devices.

    Args:
        counts: Where they are counted.
        forbidden: What nobody may do.
    """

    info = PluginInfo(plugin_id="tally.forbidden", title="What nobody may do")

    def __init__(self, counts: Counts, forbidden: Sequence[str]) -> None:
        self._counts, self._forbidden = counts, frozenset(forbidden)

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to events."""
        del subject
        return kind == "event"

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Count events and tell of those that are forbidden."""
        del now_ns
        events = [datum for datum in data if isinstance(datum, Event)]
        for event in events:
            self._counts.add(event)
        return Observed(findings=tuple(_finding(e) for e in events if e.activity in self._forbidden))


def _finding(event: Event) -> Finding:
    return Finding(
        tenant=event.tenant,
        subject=Subject(kind=SubjectKind.DEVICE, name=event.device, device=event.device),
        rule="tally.forbidden",
        identity=event.event_id,
        title=f"{event.activity} on {event.device}, which nobody may do",
        detail=f"{event.actor or 'nobody named'} did {event.activity}.",
        remedy="Ask who did it and why; take the right away.",
        start_ns=event.t_ns,
        stop_ns=event.t_ns + 1,
        severity=Severity.CRITICAL,
        confidence=1.0,
        evidence=(Evidence(uri=f"event:{event.event_id}"),),
    )


def watchers(house: House) -> Sequence[Watcher]:
    """Return the part's watchers."""
    assert isinstance(house.settings, TallySettings)
    return (ForbiddenWatcher(Counts(house.tables), house.settings.forbidden),)
