"""What detectors of short windows share: bounded values, trailing windows, and how often they look."""

import numpy as np
from numpy.typing import NDArray

from mumetal.watch.detectors.standard import Array, Standardised, block_for

CLIP = 20.0  # standard deviations; a wild value must not drown the other channels of its window
STILL = 1e-6  # standard deviations of a channel below which it counts as constant
RELATIVE = 0.05  # of a constant channel's magnitude: the scale given to it, so that any move of it shows
SAME = 1e-12


class Trailing:
    """The last rows, so that each new row has a full window that ends with it.

    Args:
        width: Rows per window, ≥ 2.
    """

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

    From 50 rows a second on it looks once per 16 rows and holds the score in between.
    """

    width = 32
    most = 6_000  # windows learnt from

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn each channel's spread within the history, then the windows."""
        assert self._scale is not None
        self._every = block_for(self._scale.rate_hz)
        bounded = np.clip(z, -CLIP, CLIP)
        count = np.full(z.shape[1], len(z)) if seen is None else np.maximum(seen.sum(axis=0), 1)
        self._centre = bounded.sum(axis=0) / count
        apart = bounded - self._centre if seen is None else np.where(seen, bounded - self._centre, 0.0)
        spread = np.sqrt((apart**2).sum(axis=0) / count)
        magnitude = np.abs(self._scale.location + self._centre * self._scale.scale) / self._scale.scale
        self._spread = np.where(spread > STILL, spread, np.maximum(RELATIVE * magnitude, SAME))
        self.reset()
        windows = self._trailing.push(self._level(z, seen))
        self.learn(windows[:: max(1, -(-len(windows) // self.most))])
        self.reset()

    def _level(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return bounded values (n, C) in spreads of the history; what was not observed stands at the centre."""
        level = np.clip((z - self._centre) / self._spread, -CLIP, CLIP)
        return level if seen is None else np.where(seen, level, 0.0)

    def reset(self) -> None:
        """Wait for a first row."""
        self._trailing = Trailing(self.width)
        self._rows = 0
        self._held = 0.0

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,)."""
        if len(z) == 0:
            return np.empty(0)
        windows = self._trailing.push(self._level(z, seen))
        first = -self._rows % self._every  # the first row ever is looked at, then every so many
        found = self.distance(windows[first :: self._every])
        complete = (np.arange(len(z)) - first) // self._every + 1
        out = np.concatenate([[self._held], found])[complete]
        self._rows += len(z)
        self._held = float(out[-1])
        return np.asarray(out, np.float64)

    def window_of(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the window that ends with the last row, shape (1, C, width); keeps no state."""
        return Trailing(self.width).push(self._level(z, seen)[-self.width :])[-1:]

    def learn(self, windows: Array) -> None:
        """Learn from ordinary windows (n, C, width)."""
        raise NotImplementedError

    def distance(self, windows: Array) -> Array:
        """Return how far windows (n, C, width) are from ordinary, shape (n,), ≥ 0 and finite."""
        raise NotImplementedError
