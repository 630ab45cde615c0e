"""A refrigerator's state from its thermometers alone, of whatever names and however many there are."""

import math
from collections.abc import Mapping

from mumetal.core.operation import OperatingMode
from mumetal.watch.operating.trail import MINUTE_NS, Trail

SHORT, LONG = 30, 180  # minutes over which a temperature is compared with itself
MOVES = 0.1  # of itself that a plate has moved within the short time when it moves, …
CREEPS = 0.2  # … or within the long one; a cool-down from 300 to 4 K in two days falls by half as much again
STANDS = 0.02  # by which it has moved at most when it stands
HELIUM = 4.2  # K: boiling point of helium-4; no mixture is left where nothing is colder
STAGES = (2.0, 150.0)  # K: a plate that stands between them is cooled by the machine itself, not by the mixture
SPREAD = 1.15  # times its lowest value that a thermometer has been seen at, if it is a plate's: a room's is not
DILUTION = 1.0  # K: a still, or what it cools; pumped helium-4 alone hardly reaches it
COLD = 20.0  # K
ROOM = 250.0  # K
FOLLOWS = 1 / 720  # weight of a minute in a plate's cold level: half a day
RESTORED = 1.15  # times its cold level up to which a plate is back


class Refrigerator:
    """One device's state, moved on minute by minute.

    Cooling has stopped when plates that the machine itself cools (its ``STAGES``) rise,
    two of them where there are three or more, and two plates at least: no vote, which plates that anybody adds could win; a heated mixing chamber does not raise them. Without a stage among the
    thermometers, when all rise past the boiling point of helium. (Pobell 2007, Matter and Methods at Low Temperatures,
    doi:10.1007/978-3-540-46360-3, on where the heat goes.)
    """

    saved = ("plates", "mode", "since_ns")

    def __init__(self) -> None:
        self.plates: dict[str, Trail] = {}
        self.mode = OperatingMode.UNKNOWN
        self.since_ns = 0

    @property
    def known(self) -> bool:
        """Whether it was seen cold."""
        return any(trail.base > 0 for trail in self.plates.values())

    def step(self, minute: int) -> OperatingMode | None:
        """Judge a minute, counted since 1970 UTC; returns what it does now when that is something else than before."""
        now = {name: trail.at(minute) for name, trail in self.plates.items() if _is_plate(trail)}
        now = {name: kelvin for name, kelvin in now.items() if not math.isnan(kelvin)}
        if not now:
            return None
        mode = self._next(minute, now)
        if mode in COLD_MODES:
            self._learn(minute, now)
        if mode is self.mode:
            return None
        self.mode, self.since_ns = mode, self._since(minute, mode)
        return mode

    def _next(self, minute: int, now: Mapping[str, float]) -> OperatingMode:
        rising, falling = self._moving(minute, now, 1), self._moving(minute, now, -1)
        coldest = min(now.values())
        if self.mode is OperatingMode.WARMING:
            if self._restored(now):
                return self._cold(now, falling)
            if self._warm(now) and not self._moving(minute, now, 1, STANDS):
                return OperatingMode.ROOM
            return OperatingMode.COOLING if 2 * len(falling) > len(now) and not rising else self.mode
        if self._lost(now, rising):
            return OperatingMode.WARMING
        if self._warm(now):
            return OperatingMode.ROOM
        if 2 * len(falling) > len(now) and not rising and max(now.values()) > COLD:
            return OperatingMode.COOLING
        if self.mode is OperatingMode.COOLING and (falling or coldest > COLD):
            return self.mode
        return self._cold(now, falling) if coldest < COLD else self.mode

    def _moving(self, minute: int, now: Mapping[str, float], sign: int, share: float = MOVES) -> list[str]:
        out = []
        for name in now:
            trail = self.plates[name]
            short, slow = sign * trail.change(minute, SHORT), sign * trail.change(minute, LONG)
            if short > share or (slow > CREEPS * share / MOVES and short > 0):
                out.append(name)
        return out

    def _lost(self, now: Mapping[str, float], rising: list[str]) -> bool:
        """Whether the machine no longer cools."""
        above = [n for n in rising if self.plates[n].base > 0 and now[n] > (1 + MOVES) * self.plates[n].base]
        stages = self._stages(now)
        if stages:
            warm = [n for n in above if n in stages]
            return len(warm) >= min(2, (len(stages) + 1) // 2) and len(above) >= min(2, len(now))
        known = [n for n in now if self.plates[n].base > 0]
        return bool(known) and all(now[n] > HELIUM and n in above for n in known)

    def _stages(self, now: Mapping[str, float]) -> list[str]:
        return [n for n in now if STAGES[0] < self.plates[n].base < STAGES[1]]

    def _warm(self, now: Mapping[str, float]) -> bool:
        """Whether all is as warm as the room; a mixing chamber's thermometer cannot tell: it ends far below."""
        return all(now[n] >= ROOM for n in self._stages(now) or now)

    def _restored(self, now: Mapping[str, float]) -> bool:
        known = [n for n in now if self.plates[n].base > 0]
        return bool(known) and all(now[n] <= RESTORED * self.plates[n].base for n in known)

    def _cold(self, now: Mapping[str, float], falling: list[str]) -> OperatingMode:
        coldest = min(now.values())
        if coldest < DILUTION:
            return OperatingMode.CIRCULATING
        return OperatingMode.CONDENSING if any(now[n] < COLD for n in falling) else OperatingMode.COLD

    def _learn(self, minute: int, now: Mapping[str, float]) -> None:
        for name, kelvin in now.items():
            trail = self.plates[name]
            if abs(trail.change(minute, SHORT)) < STANDS:
                trail.base = kelvin if trail.base == 0 else trail.base + FOLLOWS * (kelvin - trail.base)

    def _since(self, minute: int, mode: OperatingMode) -> int:
        """Return since when it is so: for a stop, when the first plate left its cold level."""
        if mode is not OperatingMode.WARMING:
            return minute * MINUTE_NS
        known = [name for name, trail in self.plates.items() if trail.base > 0]
        stages = [n for n in known if STAGES[0] < self.plates[n].base < STAGES[1]]
        trails = [self.plates[n] for n in stages or known]
        left = [t.left((1 + STANDS) * t.base, upwards=True) for t in trails if t.at(minute) > (1 + MOVES) * t.base]
        return (min([minute, *left]) + 1) * MINUTE_NS - 1  # a minute tells what was at its end


def _is_plate(trail: Trail) -> bool:
    return trail.lowest < STAGES[1] or trail.highest > SPREAD * trail.lowest


COLD_MODES = frozenset({OperatingMode.COLD, OperatingMode.CIRCULATING})
