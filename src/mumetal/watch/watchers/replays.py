"""Watches for stretches of telemetry that repeat earlier ones under fresh noise."""

from collections.abc import Sequence

from mumetal.core.delivery import Datum
from mumetal.core.ports import DatumKind, Observed
from mumetal.core.series import Series
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.watch.covert.noisy_replay import NoisyReplay
from mumetal.watch.detectors.power import blind
from mumetal.watch.watchers.per_subject import CALIBRATION, PerSubject, key_of


class ReplayWatcher(PerSubject[NoisyReplay]):
    """Compares the newest rows of each stream with all that it remembers of it."""

    info = NoisyReplay.info

    def __init__(self) -> None:
        super().__init__(lambda _: NoisyReplay())

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to samples."""
        return kind == "series" and subject.name != CALIBRATION

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Look for a repetition."""
        del now_ns
        out = Observed()
        for datum in data:
            assert isinstance(datum, Series)
            kept = self.of(key_of(datum))
            found = kept.observe(datum) if len(datum) else []
            standing = {kept.open.finding_id} if kept.open is not None else set()
            closed = {f.finding_id for f in found} - standing
            out = Observed(findings=(*out.findings, *found), closed=out.closed | closed)
        return out

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say that its power is not reckoned: it rests on how the stream's own rows differ."""
        del conditions
        return blind(self.info, technique, "1", "how alike two honest stretches are is the stream's own")
