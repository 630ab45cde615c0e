"""Watches what a device reports of itself against its canaries."""

from collections.abc import Sequence

from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, Observed
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.watch.covert.misreport import CanaryWitness
from mumetal.watch.watchers.per_subject import CALIBRATION, Key, PerSubject


class CanaryWatcher(PerSubject[CanaryWitness]):
    """Holds each published snapshot against the canaries of its device."""

    info = CanaryWitness.info

    def __init__(self) -> None:
        super().__init__(lambda _: CanaryWitness())
        self._newest: dict[
            Key, int
        ] = {}  # after a restart the stack hands over only what it has not handed over before

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to samples, among which canaries may be, and to snapshots."""
        del subject
        return kind in {"series", "snapshot"}

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Note canaries, and judge snapshots newer than the last."""
        del now_ns
        found: list[Finding] = []
        for datum in data:
            place = (datum.tenant, datum.device, CALIBRATION)
            if isinstance(datum, Series) and len(datum):
                found += self.of(place).note(datum)
            elif isinstance(datum, DeviceSnapshot) and not datum.revision and datum.t_ns > self._newest.get(place, 0):
                self._newest[place] = datum.t_ns
                found += self.of(place).judge(datum)
        return Observed(findings=tuple(found))

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say the smallest common misreport that stands out."""
        return CanaryWitness().power(technique, conditions)
