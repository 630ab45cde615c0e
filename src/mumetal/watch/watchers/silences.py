"""Watches whether what used to speak still does."""

from collections.abc import Mapping, Sequence

import numpy as np

from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, Observed
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth, StreamState
from mumetal.core.subject import Subject
from mumetal.watch.ongoing import Ongoing
from mumetal.watch.quality.silence import INFO, Heard, Silence
from mumetal.watch.settings import WatchSettings
from mumetal.watch.watchers.per_subject import PerSubject, key_of
from mumetal.watch.watchers.quality import QUIET_NS, where


class SilenceWatcher(PerSubject[Heard]):
    """One finding when a stream falls silent by its own rhythm, and its last version when it is back.

    Args:
        settings: How many of its own intervals are a silence.
    """

    info = INFO
    has_causes = False

    def __init__(self, settings: WatchSettings) -> None:
        self._ongoing = Ongoing(hold_ns=QUIET_NS)
        super().__init__(lambda _: Heard(Silence(settings.silence_factor)), ongoing=self._ongoing)

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to samples and to published snapshots."""
        del subject
        return kind in {"series", "snapshot"}

    def pieces(self, kept: Heard) -> Mapping[str, object]:
        """Return the rhythm, and when rows were taken."""
        return {"rhythm": kept.rhythm, "heard": kept}

    def look(self, kept: Heard, datum: Datum, now_ns: int) -> Sequence[Finding]:
        """Note that something came."""
        if isinstance(datum, Series):
            kept.note(datum.t_ns, now_ns)
        elif isinstance(datum, DeviceSnapshot) and not datum.revision:  # commits come when people write them
            kept.note(np.array([datum.t_ns], np.int64), now_ns)
        return self._ongoing.gone((INFO.plugin_id, *key_of(datum)))

    def tick(self, now_ns: int) -> Observed:
        """Tell what fell silent."""
        found: list[Finding] = []
        for key, kept in self._kept.items():
            if kept.times.size:
                for breach in kept.rhythm.check(now_ns, int(kept.times[-1])):
                    finding = breach.finding(*key, where(breach, key[1], key[2]))
                    found += self._ongoing.seen((INFO.plugin_id, *key), finding)
        return Observed(findings=tuple(found))

    def health(self, now_ns: int) -> Sequence[StreamHealth]:
        """Say which streams are silent, and for how long."""
        return [
            StreamHealth(
                tenant=key[0],
                device=key[1],
                stream=key[2],
                state=StreamState.SILENT,
                reason=f"silent for {kept.rhythm.quiet_s(now_ns):.0f} s",
            )
            for key, kept in self._kept.copy().items()
            if (INFO.plugin_id, *key) in self._ongoing
        ]
