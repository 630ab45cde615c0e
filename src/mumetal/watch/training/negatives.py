"""Negatives: what an attack or a fault makes of ordinary telemetry, as a seeded change of some rows of some channels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STILL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Where a negative changes what, for one drawing.

    Args:
        start: First row changed, ≥ 1.
        stop: End of the rows changed, > ``start``.
        channels: Columns changed, at least one.
        size: How large, in deviations of the rows before ``start``, > 0.
    """

    start: int
    stop: int
    channels: NDArray[np.intp]
    size: float


def draw(rng: np.random.Generator, channels: int, start: int, stop: int) -> Change:
    """Draw which channels and how large: all channels in three of ten cases, else a few, from half to eight deviations."""
    share = 1.0 if rng.random() < 0.3 else rng.uniform(0.1, 0.6)
    hit = rng.random(channels) < share
    hit[rng.integers(channels)] = True
    return Change(start=start, stop=stop, channels=np.flatnonzero(hit), size=10 ** rng.uniform(-0.3, 0.9))


def negative(rng: np.random.Generator, values: Array, kind: str, change: Change) -> Array:
    """Return a copy of ``values`` (n, C) with rows ``start`` to ``stop`` changed; the rows before are as they were.

    Raises:
        KeyError: There is no such kind.
    """
    out = values.copy()
    before = values[: change.start]
    deviation = before.std(axis=0)
    deviation = np.where(deviation > STILL, deviation, 0.05 * np.abs(before.mean(axis=0)) + 0.05)
    out[change.start : change.stop, change.channels] = _MADE[kind](rng, values, change, deviation[change.channels])
    return out


def _swap(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """Each channel shows what another one measures, in its own units; a single channel is replayed."""
    if x.shape[1] == 1:
        return _replay(rng, x, c, size)
    before = x[: c.start]
    centre, spread = before.mean(axis=0), before.std(axis=0) + STILL
    others = (c.channels + int(rng.integers(1, x.shape[1]))) % x.shape[1]
    standard = (x[c.start : c.stop, others] - centre[others]) / spread[others]
    return np.asarray(standard * size + centre[c.channels])


def _shift(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """A few channels come late."""
    del size
    late = min(int(rng.integers(3, 40)), c.start)
    return x[c.start - late : c.stop - late, c.channels]


def _freeze(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """The last value stands."""
    del rng, size
    return np.repeat(x[c.start - 1 : c.start, c.channels], c.stop - c.start, axis=0)


def _replay(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """What was seen before comes again, all channels from the same time."""
    del size
    rows = np.arange(c.stop - c.start) % c.start  # an event longer than the past repeats it
    first = int(rng.integers(0, max(1, c.start - rows.size)))
    return x[(first + rows) % c.start][:, c.channels]


def _decorrelate(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """What was seen before comes again, each channel from a time of its own."""
    del size
    rows = np.arange(c.stop - c.start)
    first = rng.integers(0, max(1, c.start - rows.size), size=c.channels.size)
    return np.asarray(x[(rows[:, None] + first) % c.start, c.channels], np.float64)


def _gain(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """Swings grow or shrink around the mean."""
    del size
    centre = x[: c.start, c.channels].mean(axis=0)
    factor = np.exp(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 1.5))
    return np.asarray(centre + factor * (x[c.start : c.stop, c.channels] - centre))


def _slow(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """Time runs at half speed from the start on, or backwards."""
    del size
    t = np.arange(c.stop - c.start)
    rows = c.start + (t // 2 if rng.random() < 0.5 else -t)
    return x[np.maximum(rows, 0)][:, c.channels]


def _added(shape: Callable[[np.random.Generator, Array], Array], times: float) -> "_Maker":
    """Add a course in [-1, 1] of the event's own time in (0, 1], in each channel's own direction."""

    def make(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
        rows = c.stop - c.start
        course = shape(rng, (np.arange(rows) + 1.0) / rows)
        signs = rng.choice([-1.0, 1.0], size=c.channels.size)
        return np.asarray(x[c.start : c.stop, c.channels] + course[:, None] * (times * c.size * size * signs))

    return make


def _noise(rng: np.random.Generator, x: Array, c: Change, size: Array) -> Array:
    """A burst of white noise on top."""
    rows = x[c.start : c.stop, c.channels]
    return np.asarray(rows + rng.normal(size=rows.shape) * (0.7 * c.size * size))


def _spike(rng: np.random.Generator, t: Array) -> Array:
    """The last few rows only."""
    return np.asarray(np.arange(t.size) >= t.size - int(rng.integers(1, 6)), np.float64)


_Maker = Callable[[np.random.Generator, Array, Change, Array], Array]
_MADE: dict[str, _Maker] = {
    "swap": _swap,
    "shift": _shift,
    "freeze": _freeze,
    "replay": _replay,
    "gain": _gain,
    "drift": _added(lambda _, t: t, 1.0),
    "decorrelate": _decorrelate,
    "spike": _added(_spike, 2.0),
    "noise": _noise,
    "step": _added(lambda _, t: np.ones(t.size), 1.0),
    "dip": _added(lambda _, t: np.sin(np.pi * t), 1.5),
    "slow": _slow,
}
KINDS = tuple(_MADE)
