"""What watchers that keep something of each subject share."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.ports import Observed, Span
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.core.watcher import PlainWatcher
from mumetal.watch.detectors.power import blind

Key = tuple[str, str, str]  # tenant, device, stream
CALIBRATION = "calibration"
T = TypeVar("T")


def key_of(datum: Datum) -> Key:
    """Return whose a datum is: tenant, device and stream; a calibration's stream is ``"calibration"``, an event's empty."""
    if isinstance(datum, Series):
        return datum.tenant, datum.device, datum.stream
    return datum.tenant, datum.device, CALIBRATION if hasattr(datum, "parameters") else ""


class PerSubject(PlainWatcher, Generic[T]):
    """A watcher that keeps something of each subject; its subclasses say what they want and how they look at it.

    Args:
        make: Makes what is kept, for a subject first seen.
    """

    budgeted = True

    def __init__(self, make: Callable[[Key], T]) -> None:
        self._make = make
        self._kept: dict[Key, T] = {}

    def of(self, key: Key) -> T:
        """Return what is kept of a subject."""
        if key not in self._kept:
            self._kept[key] = self._make(key)
        return self._kept[key]

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Look at data of one subject."""
        found: list[Finding] = []
        for datum in data:
            found += self.look(self.of(key_of(datum)), datum, now_ns)
        return Observed(findings=tuple(found))

    def look(self, kept: T, datum: Datum, now_ns: int) -> Sequence[Finding]:
        """Look at one datum beside what is kept of its subject."""
        raise NotImplementedError

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say that it answers none by itself."""
        del conditions
        return blind(self.info, technique, "1", "keeps a promise of the data, answers no technique by itself")


def outside(series: Series, exclude: Sequence[Span]) -> Series | None:
    """Return the rows of a series that may be learnt from; None when none is left."""
    spans = [s for s in exclude if s.covers(series.tenant, series.device, series.stream)]
    if not spans:
        return series
    keep = series.t_ns == series.t_ns
    for span in spans:
        keep &= (series.t_ns < span.start_ns) | (series.t_ns >= span.stop_ns)
    if not keep.any():
        return None
    return Series(
        tenant=series.tenant,
        device=series.device,
        stream=series.stream,
        channels=series.channels,
        t_ns=series.t_ns[keep],
        values=series.values[keep],
        seq=series.seq[keep],
    )
