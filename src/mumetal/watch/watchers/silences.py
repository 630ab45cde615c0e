"""Watches whether what used to speak still does."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, Observed
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth, StreamState
from mumetal.core.subject import Subject
from mumetal.watch.detectors.standard import rate_of
from mumetal.watch.ongoing import Ongoing
from mumetal.watch.quality.silence import INFO, Silence
from mumetal.watch.settings import WatchSettings
from mumetal.watch.watchers.per_subject import PerSubject, key_of
from mumetal.watch.watchers.quality import QUIET_NS, where

WINDOW = 512  # rows whose interval counts


@dataclass(slots=True, kw_only=True)
class Heard:
    """When a stream was heard, and how far apart its rows are."""

    rhythm: Silence
    times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def note(self, t_ns: NDArray[np.int64], now_ns: int) -> None:
        """Note rows, or that something came, at ``now_ns``."""
        self.times = np.concatenate([self.times, t_ns])[-WINDOW:]
        rate = rate_of(self.times)
        self.rhythm.heard(now_ns, 1 / rate if rate > 0 else 0.0)


class SilenceWatcher(PerSubject[Heard]):
    """One finding when a stream falls silent by its own rhythm, and its last version when it is back.

    Args:
        settings: How many of its own intervals are a silence.
    """

    info = INFO
    has_causes = False

    def __init__(self, settings: WatchSettings) -> None:
        super().__init__(lambda _: Heard(rhythm=Silence(settings.silence_factor)))
        self._ongoing = Ongoing(hold_ns=QUIET_NS)

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to samples and to published snapshots."""
        del subject
        return kind in {"series", "snapshot"}

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
            for key, kept in self._kept.items()
            if (INFO.plugin_id, *key) in self._ongoing
        ]
