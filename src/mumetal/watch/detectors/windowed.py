"""What detectors of short windows share: bounded values, trailing windows, and how often they look."""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.ewma import ewma
from mumetal.watch.detectors.standard import Array, Standardised, block_for, shares

CLIP = 20.0  # standard deviations; a wild value must not drown the other channels of its window
STILL = 1e-6  # standard deviations of a channel below which it counts as constant
RELATIVE = 0.05  # of a constant channel's magnitude: the scale given to it, so that any move of it shows
SAME = 1e-12
NEAR = 1e-9
VALUES = 3_000_000  # numbers in the windows learnt from, 24 MB
SAMPLE = 500  # windows from which the ordinary distance is taken


class Trailing:
    """The last rows, so that each new row has a full window that ends with it.

    Args:
        width: Rows per window, ≥ 2.
    """

    saved = ("width", "_before")

    def __init__(self, width: int) -> None:
        self.width = width
        self._before: Array | None = None

    def push(self, z: Array) -> Array:
        """Add rows (n, C), n ≥ 1, and return their windows (n, C, width); before the first row stands the first row."""
        before = np.repeat(z[:1], self.width - 1, axis=0) if self._before is None else self._before
        buffer = np.concatenate([before, z])
        self._before = buffer[-(self.width - 1) :].copy()
        return np.lib.stride_tricks.sliding_window_view(buffer, self.width, axis=0)


class Windowed(Standardised):
    """A detector of trailing windows; subclasses learn from windows and say how far one is from ordinary.

    Channels whose history holds only 0 and 1 are flags: they say which state the device is in and are left to the
    detectors of single rows, unless there is nothing else. The distance is averaged over the last ``smooth`` rows,
    exponentially: trouble lasts, a chance outlier does not. From 50 rows a second on it looks once per 16 rows and holds
    the score in between.
    """

    width = 32
    smooth = 16.0  # rows
    flags_too = False  # for ablation: windows over flags as well
    most = 6_000  # windows learnt from

    saved: ClassVar[tuple[str, ...]] = (
        "_every",
        "_alpha",
        "_kept",
        "_centre",
        "_spread",
        "_ordinary",
        "_trailing",
        "_rows",
        "_average",
        "_held",
    )

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn which channels are measured, each one's spread within the history, then the windows."""
        self.measure(z, seen)
        windows = Trailing(self.width).push(self._level(z, seen))
        step = max(1, -(-len(windows) // min(self.most, VALUES // (self.width * self._kept.size) + 1)))
        self.learn(windows[::step])
        self._ordinary = float(np.median(self.distance(windows[:: max(step, len(windows) // SAMPLE)])))
        self.reset()

    def measure(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn which channels are measured, and each one's centre and spread within the history."""
        assert self._scale is not None
        self._every = block_for(self._scale.rate_hz)
        self._alpha = 1 - math.exp(-self._every / self.smooth) if self.smooth > 0 else 1.0
        observed = np.ones(z.shape, bool) if seen is None else seen
        self._kept = np.flatnonzero(~_flags(z * self._scale.scale + self._scale.location, observed))
        if self._kept.size == 0 or self.flags_too:
            self._kept = np.arange(z.shape[1])
        bounded, observed = np.clip(z[:, self._kept], -CLIP, CLIP), observed[:, self._kept]
        count = np.maximum(observed.sum(axis=0), 1)
        self._centre = bounded.sum(axis=0) / count
        apart = np.where(observed, bounded - self._centre, 0.0)
        spread = np.sqrt((apart**2).sum(axis=0) / count)
        location, scale = self._scale.location[self._kept], self._scale.scale[self._kept]
        magnitude = np.abs(location / scale + self._centre)
        self._spread = np.where(spread > STILL, spread, np.maximum(RELATIVE * magnitude, SAME))

    def _level(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return bounded values (n, kept) in spreads of the history; what was not observed stands at the centre."""
        level = np.clip((z[:, self._kept] - self._centre) / self._spread, -CLIP, CLIP)
        return level if seen is None else np.where(seen[:, self._kept], level, 0.0)

    def reset(self) -> None:
        """Wait for a first row."""
        self._trailing = Trailing(self.width)
        self._rows = 0
        self._average = np.array([self._ordinary])
        self._held = self._ordinary

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,)."""
        if len(z) == 0:
            return np.empty(0)
        windows = self.following(z, seen)
        first = -self._rows % self._every  # the first row ever is looked at, then every so many
        found = self.distance(windows[first :: self._every])
        if found.size:
            averaged, self._average = ewma(found[:, None], self._alpha, self._average)
            found = averaged[:, 0]
        complete = (np.arange(len(z)) - first) // self._every + 1
        out = np.concatenate([[self._held], found])[complete]
        self._rows += len(z)
        self._held = float(out[-1])
        return np.asarray(out, np.float64)

    def following(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the windows that end with each of the next rows, shape (n, kept, …, width)."""
        return self._trailing.push(self._level(z, seen))

    def window_of(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the window that ends with the last row, shape (1, kept, width); keeps no state."""
        seen = None if seen is None else seen[-self.width :]
        return Trailing(self.width).push(self._level(z[-self.width :], seen))[-1:]

    def shares_of(self, names: tuple[str, ...], weights: Array, method: str) -> tuple[Attribution, ...]:
        """Turn non-negative weights of the kept channels into shares."""
        return shares(tuple(names[i] for i in self._kept), weights, method)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say the smallest attack that would have been caught."""
        raise NotImplementedError

    def learn(self, windows: Array) -> None:
        """Learn from ordinary windows (n, kept, width)."""
        raise NotImplementedError

    def distance(self, windows: Array) -> Array:
        """Return how far windows (n, kept, width) are from ordinary, shape (n,), ≥ 0 and finite."""
        raise NotImplementedError


def _flags(values: Array, observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which columns hold nothing but 0 and 1, shape (C,)."""
    two = (np.abs(values) < NEAR) | (np.abs(values - 1) < NEAR)
    return np.asarray((two | ~observed).all(axis=0) & observed.any(axis=0), bool)
