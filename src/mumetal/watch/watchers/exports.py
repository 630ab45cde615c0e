"""Watches accounts that carry data away or ask for jobs more often than they do."""

from collections.abc import Sequence

from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.watch.covert.export import ExportWatch
from mumetal.watch.watchers.per_subject import PerSubject


class ExportWatcher(PerSubject[ExportWatch]):
    """Counts each account's exports and polls against its own past."""

    info = ExportWatch.info

    def __init__(self) -> None:
        super().__init__(lambda _: ExportWatch())

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to records."""
        del subject
        return kind == "event"

    def look(self, kept: ExportWatch, datum: Datum, now_ns: int) -> Sequence[Finding]:
        """Count one record."""
        del now_ns
        assert isinstance(datum, Event)
        return kept.observe(datum)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say the smallest excess that stands out."""
        return ExportWatch().power(technique, conditions)
