"""Which unit a compressor's keys are logged in: software builds differ, and no line says.

Physics tells where it can, over the whole history. Water, oil and helium of a compressor lie between -40 and 150 °C, so
no reading in one of K and °C can be one in the other. More than 45 bar no helium compressor bears, so that is psi; bar is
told by a running one, whose high side is well above its low side and within 10 to 35. A counter of running time is told
by how fast it counts. What cannot be told stays as logged.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

TEMPERATURE, PRESSURE, DURATION = "temperature", "pressure", "duration"
QUANTITIES = {
    TEMPERATURE: ("K", "degC"),
    PRESSURE: ("bar", "psi"),
    DURATION: ("h", "min", "s"),
}
KEYS = re.compile(
    r"(?P<temperature>cpa?temp[a-z]+|nxds[pc]t)|(?P<pressure>cpavg[lh]|cpa[lh]pa?|cpadp)|(?P<duration>cpttime|cpahours)",
    re.ASCII,
)
SUFFIX = re.compile(r"_\d$", re.ASCII)
HIGH = {"cpavgh", "cpahp", "cpahpa"}
LOW = {"cpavgl", "cpalp", "cpalpa"}
BOUNDS = {"K": (200.0, 500.0), "degC": (-80.0, 200.0), "bar": (-2.0, 45.0), "psi": (-30.0, 700.0)}
CELSIUS, KELVIN, RUNNING_BAR, PSI = (-40.0, 150.0), (230.0, 430.0), (10.0, 35.0), (45.0, 600.0)
RUNNING = 1.5  # high over low side
MIN_LINES = 4
AGREED = 0.95
SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0}
COUNTS = (0.1, 1.1)  # how much of the time a compressor may have run
MIN_STEPS = 4

Line = tuple[int, Mapping[str, float]]


def family_of(key: str) -> tuple[str, str]:
    """Return the quantity of a key and the family that shares its unit; both empty for a key of another kind."""
    plain = SUFFIX.sub("", key.lower())
    found = KEYS.fullmatch(plain)
    if found is None:
        return "", ""
    quantity = next(name for name in QUANTITIES if found[name])
    if quantity == DURATION:
        return quantity, key.lower()
    make = "nxds" if plain.startswith("nxds") else "cpa" if plain[:3] == "cpa" and plain[:5] != "cpavg" else "cp"
    return quantity, f"{make}.{quantity}{key.lower()[len(plain) :]}"


@dataclass(slots=True)
class Tally:
    """What some lines say of each family's unit.

    Args:
        votes: How many lines speak for each unit, by family.
        counted: Time and value of each counter where it changed.
        families: Quantity and family of every key met.
    """

    votes: dict[str, Counter[str]] = field(default_factory=dict)
    counted: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    families: set[tuple[str, str]] = field(default_factory=set)

    def add(self, lines: Iterable[Line]) -> None:
        """Count some lines, each a time in nanoseconds and the numbers of its keys."""
        for t_ns, numbers in lines:
            groups: dict[tuple[str, str], dict[str, float]] = {}
            for key, value in numbers.items():
                quantity, family = family_of(key)
                if family:
                    groups.setdefault((quantity, family), {})[SUFFIX.sub("", key.lower())] = value
            self.families |= groups.keys()
            for (quantity, family), found in groups.items():
                if quantity == DURATION:
                    points = self.counted.setdefault(family, [])
                    value = next(iter(found.values()))
                    if not points or points[-1][1] != value:
                        points.append((t_ns, value))
                    continue
                unit = (_temperature if quantity == TEMPERATURE else _pressure)(found)
                if unit:
                    self.votes.setdefault(family, Counter())[unit] += 1

    def take(self, other: "Tally") -> None:
        """Add what later lines say."""
        self.families |= other.families
        for family, votes in other.votes.items():
            self.votes.setdefault(family, Counter()).update(votes)
        for family, points in other.counted.items():
            self.counted.setdefault(family, []).extend(points)

    def unit(self, family: str) -> tuple[str, str]:
        """Return a family's unit and how surely; both empty where it cannot be told."""
        if family in self.counted:
            return _counter(self.counted[family])
        votes = self.votes.get(family, Counter())
        total = votes.total()
        unit, most = votes.most_common(1)[0] if votes else ("", 0)
        if total < MIN_LINES or most < AGREED * total:
            return "", ""
        return unit, f"{most} of the {total} lines that tell say so"


def _temperature(found: Mapping[str, float]) -> str:
    values = [v for v in found.values() if v != 0.0]
    kelvin = sum(KELVIN[0] <= v <= KELVIN[1] for v in values)
    celsius = sum(CELSIUS[0] <= v <= CELSIUS[1] for v in values)
    return "K" if kelvin > celsius == 0 else "degC" if celsius > kelvin == 0 else ""


def _pressure(found: Mapping[str, float]) -> str:
    high = [v for key, v in found.items() if key in HIGH]
    low = [v for key, v in found.items() if key in LOW]
    if any(PSI[0] < v <= PSI[1] for v in (*high, *low)):
        return "psi"
    if not high or not low or min(low) <= 0.0:
        return ""
    runs = RUNNING_BAR[0] <= max(high) <= RUNNING_BAR[1] and max(high) >= RUNNING * max(low)
    return "bar" if runs else ""


def _counter(points: Sequence[tuple[int, float]]) -> tuple[str, str]:
    rising = [(a, b) for a, b in pairwise(points) if b[1] > a[1] and b[0] > a[0]]
    if len(rising) < MIN_STEPS:
        return "", ""
    rate = sum(b[1] - a[1] for a, b in rising) / (sum(b[0] - a[0] for a, b in rising) / 1e9)
    fits = [unit for unit, s in SECONDS.items() if COUNTS[0] <= rate * s <= COUNTS[1]]
    return (
        (fits[0], f"it counts {rate * SECONDS[fits[0]]:.2f} of them while one passes") if len(fits) == 1 else ("", "")
    )
