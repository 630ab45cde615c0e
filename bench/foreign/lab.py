"""A laboratory before anything happens: what drives it, its physics, and the sensors that see it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bench.foreign.draws import Draws, Split
from bench.foreign.noise import Array, coloured, daily, stepped, tailed

Drives = dict[str, Array]
Physics = Callable[[Mapping[str, Array]], list[Array]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """How one channel is seen.

    Args:
        heading: In the lab's file.
        name: In the mapping.
        unit: In the lab's file.
        noise: Standard deviation, in the unit.
        relative: The same as a share of the value, added.
        colour: Exponent of its 1/f part; 0 means all white.
        share: Share of the variance in the 1/f part.
        freedom: Student's degrees of freedom of the white part; 0 Gaussian.
        step: A converter's step.
        low, high: What it can show; beyond it stands at the end.
        every, phase: It is scanned every so many rows, beginning at a row.
        day: How much its noise grows and falls over the day, share.
    """

    heading: str
    name: str
    unit: str
    noise: float = 0.0
    relative: float = 0.0
    colour: float = 1.0
    share: float = 0.3
    freedom: float = 0.0
    step: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    every: int = 1
    phase: int = 0
    day: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLab:
    """One laboratory, drawn.

    Args:
        drives: What people and machines do, by name, each of shape (n,); ``unrest`` multiplies the noise.
        physics: Gives each sensor's true value, in order of the sensors.
        sensors: The channels.
        life: What ordinary life logs: (first row, last row, activity, detail).
    """

    drives: Drives
    physics: Physics
    sensors: tuple[Sensor, ...]
    life: tuple[tuple[int, int, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TraceRows:
    """When the rows are: n rows, ``row_s`` seconds each, beginning so many seconds after midnight of a Monday."""

    n: int
    row_s: float
    first_s: float

    @property
    def t_s(self) -> Array:
        """Return seconds since the Monday."""
        return np.asarray(self.first_s + self.row_s * np.arange(self.n), np.float64)

    def rows(self, seconds: float) -> float:
        """Return so many seconds in rows."""
        return seconds / self.row_s

    def weekend(self) -> Array:
        """Return 1 on Saturday and Sunday."""
        return (self.t_s // 86_400 % 7 >= 5).astype(float)


Build = Callable[[Draws, TraceRows], DrawnLab]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabKind:
    """A layout.

    Args:
        name: Its name.
        build: Draws one.
        seconds: Seconds a row, from and to.
        rows: Rows of a trace, from and to; a slow lab's are given by ``days`` instead.
        days: Days of a trace, from and to; (0, 0) for a fast one.
        splits: Where it may be drawn.
        source: Whose physics.
    """

    name: str
    build: Build
    seconds: tuple[float, float]
    rows: tuple[int, int] = (0, 0)
    days: tuple[float, float] = (0.0, 0.0)
    splits: tuple[Split, ...] = ("tuned", "held")
    source: str = "recalled"


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of one trace, drawn once, so that what an event changes is known exactly. Shapes (n, C)."""

    unit: Array
    weight: Array = field(repr=False)


def noise_of(sensors: tuple[Sensor, ...], draws: Draws, frame: TraceRows) -> Noise:
    """Draw every sensor's noise, variance 1 before the day's cycle."""
    made, weight = np.empty((frame.n, len(sensors))), np.ones((frame.n, len(sensors)))
    for i, sensor in enumerate(sensors):
        white = tailed(draws.rng, frame.n, sensor.freedom)
        slow = coloured(draws.rng, frame.n, sensor.colour) if sensor.colour else 0.0
        share = sensor.share if sensor.colour else 0.0
        made[:, i] = np.sqrt(1 - share) * white + np.sqrt(share) * slow
        weight[:, i] = 1 + sensor.day * daily(frame.t_s, 0.37)
    return Noise(made, weight)


def seen(sensors: tuple[Sensor, ...], true: Array, noise: Noise, unrest: Array) -> Array:
    """Return what the sensors show of the true values, shape (n, C)."""
    shown = np.full(true.shape, np.nan)
    for i, sensor in enumerate(sensors):
        size = sensor.noise + sensor.relative * np.abs(true[:, i])
        x = true[:, i] + size * noise.unit[:, i] * noise.weight[:, i] * unrest
        x = stepped(np.clip(x, sensor.low, sensor.high), sensor.step)
        shown[sensor.phase % sensor.every :: sensor.every, i] = x[sensor.phase % sensor.every :: sensor.every]
    return shown
