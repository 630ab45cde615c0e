"""One device: what a refrigerator is known from among its streams, and what it does."""

import math
import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mumetal.core.finding import Finding
from mumetal.core.operation import OperatingMode, OperatingState
from mumetal.core.ports import Observed
from mumetal.core.series import Series
from mumetal.watch.operating.refrigerator import Refrigerator
from mumetal.watch.operating.told import SURE, begun, grown, plates_now, told
from mumetal.watch.operating.trail import MINUTE_NS, Switches, Trail

BESIDE = re.compile(r"compressor|cpa|cptemp|water|oil|room|ambient|\bair\b|\blab\b", re.IGNORECASE)  # no plate of it
UNITS = frozenset({"K", "Pa", "ohm", "Ω", "m³/s", "m3/s", "mol/s"})  # of what a refrigerator is watched by
HEATER = re.compile(r"heat", re.IGNORECASE)
OTHER = re.compile(
    r"^q\d+\b|canary|queue|pulse\.|reference\.|rack|clock|jitter|laser|login|job", re.IGNORECASE
)  # no refrigerator's
LEVELS = (4.2, 20.0, 77.0, 150.0, 250.0)  # K: passing one of them is told
HOUR = 60  # minutes after which a stop that goes on is told anew
SILENT_NS = 15 * MINUTE_NS
BACK = 180  # minutes at most that are gone through at once: what is older is past
TURN_NS = 30 * MINUTE_NS  # rows of so long are looked at at once: a trail holds hours only
MOST = 256  # thermometers, and streams, of one device


@dataclass(slots=True, kw_only=True)
class Stop:
    """A stop of cooling that goes on: the finding, and how many of ``LEVELS`` the warmest plate has passed."""

    finding: Finding
    level: int = 0


class Device:
    """What is kept of one device."""

    saved = ("refrigerator", "switches", "streams", "thermometers", "minute", "stop")

    def __init__(self) -> None:
        self.refrigerator, self.switches = Refrigerator(), Switches()
        self.streams: dict[str, int] = {}  # those that a refrigerator is known from, and their newest row
        self.thermometers: dict[str, tuple[int, int]] = {}  # streams with one: their newest row, and when it came
        self.minute = 0
        self.stop: Stop | None = None

    def observe(self, rows: Series, now_ns: int) -> Observed:
        """Look at rows of one stream that came at ``now_ns``; each minute is judged once all thermometers have told of it."""
        turns = np.flatnonzero(np.diff(rows.t_ns // TURN_NS)) + 1
        seen = [self._piece(rows.rows(a, b), now_ns) for a, b in pairwise([0, *turns.tolist(), len(rows)])]
        found = {f.finding_id: f for each in seen for f in each.findings}
        return Observed(
            findings=tuple(found.values()),
            closed=frozenset(i for each in seen for i in each.closed),
            states=tuple(s for each in seen for s in each.states),
        )

    def _piece(self, rows: Series, now_ns: int) -> Observed:
        self._take(rows, now_ns)
        heard = [newest for newest, came in self.thermometers.values() if now_ns - came <= SILENT_NS]
        heard = [newest for newest in heard if newest >= max(heard) - SILENT_NS]  # who lags holds nobody up
        complete = min(heard, default=0) // MINUTE_NS - 1
        first = max(self.minute + 1, complete - BACK) if self.minute else complete
        states: list[OperatingState] = []
        found: dict[str, Finding] = {}
        closed: set[str] = set()
        for self.minute in range(first, complete + 1):
            mode = self.refrigerator.step(self.minute)
            if mode is not None:
                states.append(self._state(rows))
            finding = self._said(rows, mode)
            if finding is not None:
                found[finding.finding_id] = finding
                closed |= {finding.finding_id} if self.stop is None else set()
        return Observed(findings=tuple(found.values()), closed=frozenset(closed), states=tuple(states))

    def _take(self, rows: Series, now_ns: int) -> None:
        newest, plain, known, foreign = int(rows.t_ns[-1]), 0, False, False
        for i, channel in enumerate(rows.channels):
            if channel.unit == "K" and not BESIDE.search(f"{rows.stream}.{channel.name}"):
                place = channel.name if channel.name.startswith(rows.stream) else f"{rows.stream}/{channel.name}"
                if place in self.refrigerator.plates or len(self.refrigerator.plates) < MOST:
                    self.refrigerator.plates.setdefault(place, Trail()).put(rows.t_ns, rows.values[:, i])
                    plain += 1
            elif OTHER.search(channel.name):
                foreign = True
            else:
                thrown = self.switches.put(channel.name, rows.t_ns, rows.values[:, i])
                known |= thrown or channel.unit in UNITS or bool(HEATER.search(f"{rows.stream}.{channel.name}"))
        if plain:
            self.thermometers[rows.stream] = newest, now_ns
        if (plain or known) and not foreign and (rows.stream in self.streams or len(self.streams) < MOST):
            self.streams[rows.stream] = newest

    def _said(self, rows: Series, mode: OperatingMode | None) -> Finding | None:
        fridge, stop, over = self.refrigerator, self.stop, self.refrigerator.mode is not OperatingMode.WARMING
        if stop is None:
            if mode is not OperatingMode.WARMING and not (mode is OperatingMode.ROOM and fridge.known):
                return None
            stop = self.stop = Stop(finding=begun(rows, fridge, self.switches, self.minute))
        level = sum(self._warmest() >= each for each in LEVELS)
        stop.finding = grown(stop.finding, self.streams, (self.minute + 1) * MINUTE_NS)
        if mode is None and not over and level <= stop.level and self.minute % HOUR:
            return None
        stop.level = max(level, stop.level)
        stop.finding = told(stop.finding, fridge, self.switches, self.minute, over=over)
        self.stop = None if over else stop
        return stop.finding

    def _warmest(self) -> float:
        values = [t.at(self.minute) for t in self.refrigerator.plates.values() if t.base > 0]
        return max((v for v in values if not math.isnan(v)), default=0.0)

    def _state(self, rows: Series) -> OperatingState:
        return OperatingState(
            tenant=rows.tenant,
            device=rows.device,
            mode=self.refrigerator.mode,
            entered_ns=self.refrigerator.since_ns,
            confidence=SURE,
            reason=plates_now(self.refrigerator, self.minute)[:1_000],
        )
