"""A trace in the making: a lab, when the event is, and what a case may change."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.foreign.draws import Draws
from bench.foreign.lab import DrawnLab, TraceRows
from bench.foreign.noise import Array
from bench.foreign.trace import Kind

Act = Callable[["EventScene"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCase:
    """One technique or innocent cause.

    Args:
        label: Its id.
        kind: Attack or innocent.
        labs: Where it can happen.
        act: Does it, and says the truth in a sentence.
        lasts: How long, from and to: seconds in a slow lab, share of all rows in a fast one.
        within: How long after its start telling is in time, in the same unit.
        reason: Why so long.
        activity: How a lab would log it; empty where nobody could.
    """

    label: str
    kind: Kind
    labs: tuple[str, ...]
    act: Act
    lasts: tuple[float, float]
    within: float
    reason: str
    activity: str = ""


@dataclass(slots=True, kw_only=True)
class EventScene:
    """What a case works on; it edits the arrays in place.

    Args:
        lab_name: Which layout.
        lab, frame, draws: The lab, its rows, and chance of the case's own.
        base: What the sensors show without the case, shape (n, C).
        start, stop: Rows of the event.
        due: Row until which telling is in time; a case may move it.
    """

    lab_name: str
    lab: DrawnLab
    frame: TraceRows
    draws: Draws
    base: Array
    start: int
    stop: int
    due: int
    drives: dict[str, Array] = field(init=False)
    offset: Array = field(init=False)
    gain: Array = field(init=False)
    lost: NDArray[np.bool_] = field(init=False)
    gone: NDArray[np.bool_] = field(init=False)
    clock_s: Array = field(init=False)
    frozen: list[int] = field(default_factory=list)
    replayed: tuple[tuple[int, ...], int] | None = None
    factor: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = self.frame.n
        self.drives = {name: drive.copy() for name, drive in self.lab.drives.items()}
        self.offset, self.gain = np.zeros(self.base.shape), np.ones(self.base.shape)
        self.lost, self.gone = np.zeros(self.base.shape, bool), np.zeros(n, bool)
        self.clock_s = np.zeros(n)

    @property
    def rows(self) -> slice:
        """The event's rows."""
        return slice(self.start, self.stop)

    @property
    def length(self) -> int:
        """How many rows the event has."""
        return self.stop - self.start

    def envelope(self, rise_s: float, fall_s: float | None = None) -> Array:
        """Return 0 outside the event, and 1 inside once it has risen, shape (n,)."""
        out = np.zeros(self.frame.n)
        k = np.arange(self.length)
        up = np.minimum(1.0, (k + 1) / max(1.0, self.frame.rows(rise_s)))
        down = np.minimum(1.0, (self.length - k) / max(1.0, self.frame.rows(rise_s if fall_s is None else fall_s)))
        out[self.rows] = np.minimum(up, down)
        return out

    def after(self, rise_s: float = 0.0) -> Array:
        """Return 0 before the event and 1 from then on, shape (n,)."""
        k = np.arange(self.frame.n) - self.start
        return np.clip((k + 1) / max(1.0, self.frame.rows(rise_s)), 0, 1)

    def push(self, drive: str, amount: Array) -> None:
        """Add to a drive."""
        self.drives[drive] += amount

    def scale(self, drive: str, factor: Array) -> None:
        """Multiply a drive."""
        self.drives[drive] *= factor

    def message(self, symbol_rows: int) -> Array:
        """Return ±1 of random bits in the event and 0 outside, shape (n,)."""
        bits = self.draws.rng.integers(0, 2, size=self.length // symbol_rows + 1) * 2.0 - 1
        out = np.zeros(self.frame.n)
        out[self.rows] = np.repeat(bits, symbol_rows)[: self.length]
        return out

    def sensor(self) -> int:
        """Return one sensor that moves on ordinary days."""
        moving = [i for i in range(self.base.shape[1]) if self.spread(i) > 0]
        return self.draws.pick(moving)

    def spread(self, channel: int) -> float:
        """Return the standard deviation of a sensor before the event, the farthest hundredth left out."""
        x = self.base[: self.start, channel]
        x = x[np.isfinite(x)]
        low, high = np.quantile(x, [0.005, 0.995])
        return float(np.clip(x, low, high).std())

    def named(self, name: str) -> int:
        """Return the place of a sensor."""
        return [sensor.name for sensor in self.lab.sensors].index(name)

    def heading(self, channel: int) -> str:
        """Return how the lab calls a sensor."""
        return self.lab.sensors[channel].heading
