"""The detectability ledger over what a store really has; what it has is measured off the request path and kept."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mumetal.catalog.techniques import techniques
from mumetal.core.errors import MumetalError
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.watch.covert.codes import Codes
from mumetal.watch.power.counts import EventFacts, event_facts
from mumetal.watch.power.facts import CalibrationFacts, StreamFacts, calibration_facts, stream_facts
from mumetal.watch.power.ledger import Entry, ledger

NS = 10**9
DAY_NS = 86_400 * NS
LOOK_S = 20.0  # so much of a stream is read at each look
BACK_S = (0.0, 60.0, 600.0, 3_600.0, 6 * 3_600.0, 86_400.0, 2 * 86_400.0, 4 * 86_400.0, 6.5 * 86_400.0)
EMPTY = 3  # looks in a row without a row, after which older ones are not taken
FRESH_S = 30.0  # so long what was measured is shown without measuring again
FIRST_S = 2.0  # so long the first reader waits for it
SeriesOf = Callable[[str, str, int, int], Iterable[Series]]
EventsOf = Callable[[str, int, int], Sequence[Event]]
SnapshotsOf = Callable[[str], Sequence[DeviceSnapshot]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Had:
    """What a tenant's streams and calibrations had this week."""

    streams: tuple[StreamFacts, ...]
    calibrations: tuple[CalibrationFacts, ...]
    events: tuple[EventFacts, ...] = ()

    def ledger(self, *, lasting_s: float, alerts_per_week: float, codes: Codes | None = None) -> tuple[Entry, ...]:
        """Return the ledger for attacks that last ``lasting_s`` (s), at so many false alerts a week, with codes of one's own."""
        return ledger(
            techniques(),
            self.streams,
            self.calibrations,
            self.events,
            lasting_s=lasting_s,
            alerts_per_week=alerts_per_week,
            codes=codes,
        )


def measure(
    streams: Sequence[tuple[str, str, int]], series_of: SeriesOf, snapshots_of: SnapshotsOf, events_of: EventsOf
) -> Had:
    """Measure rates, noise and gaps in nine looks over the week.

    Args:
        streams: Device, stream and time of its newest row (ns since 1970) each.
        series_of: Returns the rows of a device's stream in a stretch of time.
        snapshots_of: Returns a device's snapshots, oldest first.
        events_of: Returns a device's records of acts in a stretch of time.
    """
    facts: list[StreamFacts] = []
    for device, stream, last_ns in streams:
        if stream == "calibration":
            continue
        looks: list[list[Series]] = []
        for back in BACK_S:
            looks.append(list(series_of(device, stream, *_look(last_ns, back))))
            if len(looks) > EMPTY and not any(len(s) for look in looks[-EMPTY:] for s in look):
                break  # so long without a row: nothing older is asked for
        oldest = max((i for i, look in enumerate(looks) if any(len(s) for s in look)), default=0)
        found = stream_facts(device, stream, looks[: oldest + 1])  # before its first row it was not there to be missed
        if found is not None:
            facts.append(found)
    devices = sorted({device for device, _, _ in streams})
    newest = max((last_ns for _, _, last_ns in streams), default=0)
    records = (event_facts(d, events_of(d, newest - DAY_NS, newest + 1)) for d in devices)
    return Had(
        streams=tuple(facts),
        calibrations=tuple(calibration_facts(d, snapshots_of(d)) for d in devices),
        events=tuple(found for found in records if found is not None),
    )


def _look(last_ns: int, back_s: float) -> tuple[int, int]:
    stop = last_ns + 1 - round(back_s * NS)
    return stop - round(LOOK_S * NS), stop


class PowerBook:
    """What each tenant had, measured by a thread of its own and kept for half a minute.

    Args:
        measure: Measures what a tenant has.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(self, measure: Callable[[str], Had], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._measure, self._monotonic = measure, monotonic
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Had]] = {}
        self._running: dict[str, threading.Thread] = {}
        self._failed: dict[str, MumetalError] = {}

    def had(self, tenant: str, wait_s: float = FIRST_S) -> Had | None:
        """Return what was measured last, and have it measured again when that is old; None when it takes longer than the wait.

        Raises:
            MumetalError: What went wrong when it was last measured, while nothing is kept.
        """
        with self._lock:
            kept = self._kept.get(tenant)
            stale = kept is None or self._monotonic() - kept[0] > FRESH_S
            if stale and tenant not in self._running:
                thread = threading.Thread(target=self._run, args=(tenant,), name="power ledger", daemon=True)
                self._running[tenant] = thread
                thread.start()
            running = self._running.get(tenant)
        if kept is None and running is not None:
            running.join(wait_s)
            with self._lock:
                kept = self._kept.get(tenant)
                failed = self._failed.pop(tenant, None)
            if kept is None and failed is not None:
                raise failed
        return None if kept is None else kept[1]

    def _run(self, tenant: str) -> None:
        try:
            had = self._measure(tenant)
            with self._lock:
                self._kept[tenant] = self._monotonic(), had
        except MumetalError as error:
            with self._lock:
                self._failed[tenant] = error
        finally:
            with self._lock:
                self._running.pop(tenant, None)
