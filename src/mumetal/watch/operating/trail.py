"""The last hours of one thermometer, by the minute; and the switches that were thrown."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINUTE_NS = 60 * 10**9
KEPT = 240  # minutes
MOST_STATES = 4  # distinct values up to which a channel is a switch
MOST_SWITCHED = 200
MOST_CHANNELS = 1_024


@dataclass(slots=True, kw_only=True)
class Switched:
    """One change of a switch."""

    t_ns: int
    channel: str
    before: float
    after: float


class Trail:
    """One thermometer's last value of each minute."""

    saved = ("_minutes", "_values", "base", "lowest", "highest")

    def __init__(self) -> None:
        self._minutes: deque[int] = deque(maxlen=KEPT)
        self._values: deque[float] = deque(maxlen=KEPT)
        self.base = 0.0  # where it stands while the device is cold, K; 0 while that is not known
        self.lowest, self.highest = math.inf, 0.0  # K, ever

    def put(self, t_ns: NDArray[np.int64], kelvin: NDArray[np.float64]) -> None:
        """Take rows in order of time; what is no temperature above 0 K was not observed."""
        good = np.isfinite(kelvin) & (kelvin > 0)
        minutes, values = t_ns[good] // MINUTE_NS, kelvin[good]
        if values.size:
            self.lowest, self.highest = min(self.lowest, float(values.min())), max(self.highest, float(values.max()))
        last = np.flatnonzero(np.r_[minutes[1:] != minutes[:-1], True]) if minutes.size else ()
        for row in last:
            minute, value = int(minutes[row]), float(values[row])
            if self._minutes and minute == self._minutes[-1]:
                self._values[-1] = value
            elif not self._minutes or minute > self._minutes[-1]:
                self._minutes.append(minute)
                self._values.append(value)

    def at(self, minute: int, within: int = 20) -> float:
        """Return the newest value at or before a minute, at most ``within`` minutes old, K; NaN when there is none."""
        for known, value in zip(reversed(self._minutes), reversed(self._values), strict=True):
            if known <= minute:
                return value if known >= minute - within else math.nan
        return math.nan

    def change(self, minute: int, ago: int) -> float:
        """Return the logarithm of how many times as warm it is as some minutes ago; NaN when one of both is not known."""
        now, then = self.at(minute), self.at(minute - ago)
        return math.log(now / then) if now > 0 and then > 0 else math.nan

    def left(self, level: float, *, upwards: bool) -> int:
        """Return the minute after which it has been above (or below) a level to the end; the last one when it is not."""
        out = self._minutes[-1] if self._minutes else 0
        for minute, value in zip(reversed(self._minutes), reversed(self._values), strict=True):
            if (value > level) != upwards:
                break
            out = minute
        return out


class Switches:
    """Channels that report at most four values, and their last changes."""

    saved = ("_had", "_last", "changes")

    def __init__(self) -> None:
        self._had: dict[str, list[float]] = {}
        self._last: dict[str, float] = {}
        self.changes: deque[Switched] = deque(maxlen=MOST_SWITCHED)

    def put(self, channel: str, t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> bool:
        """Take one channel's rows in order of time; says whether it is a switch that was thrown at least once."""
        if channel not in self._had and len(self._had) >= MOST_CHANNELS:
            return False
        had = self._had.setdefault(channel, [])
        if len(had) > MOST_STATES:
            return False
        good = np.isfinite(values)
        t_ns, values = t_ns[good], values[good]
        if not values.size:
            return len(had) > 1
        fresh = [v for v in np.unique(values).tolist() if v not in had]
        had += fresh[: MOST_STATES + 1 - len(had)]
        if len(had) > MOST_STATES:
            self.changes = deque((c for c in self.changes if c.channel != channel), maxlen=MOST_SWITCHED)
            return False
        before = np.r_[self._last.get(channel, float(values[0])), values[:-1]]
        for row in np.flatnonzero(values != before):
            self.changes.append(
                Switched(t_ns=int(t_ns[row]), channel=channel, before=float(before[row]), after=float(values[row]))
            )
        self._last[channel] = float(values[-1])
        return len(had) > 1

    def between(self, start_ns: int, stop_ns: int) -> list[Switched]:
        """Return what was switched with ``start_ns <= t_ns < stop_ns``, in order of time."""
        return sorted((c for c in self.changes if start_ns <= c.t_ns < stop_ns), key=lambda c: c.t_ns)
