"""Rows gathered into blocks of fixed length, counted from the first row, so that no split of the input matters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Blocks:
    """Gathers rows and hands out full blocks.

    Args:
        size: Rows per block, ≥ 1.
        channels: Columns.
    """

    saved = ("size", "_rest", "_rest_seen", "waiting")

    def __init__(self, size: int, channels: int) -> None:
        self.size = size
        self._rest = np.empty((0, channels))
        self._rest_seen = np.empty((0, channels), bool)
        self.waiting = 0

    def push(self, z: Array, seen: NDArray[np.bool_] | None) -> "Gathered":
        """Add rows (n, C), not observed as 0, and where they were observed (None: everywhere)."""
        n, c = z.shape
        complete = (self.waiting + 1 + np.arange(n)) // self.size
        if self.size == 1:
            fraction = None if seen is None else seen.astype(np.float64)
            return Gathered(mean=z, square=z * z, fraction=fraction, complete=complete)
        if self.waiting:
            mask = np.ones_like(z, bool) if seen is None else seen
            whole = np.concatenate([self._rest_seen, mask])
            z = np.concatenate([self._rest, z])
            seen = None if whole.all() else whole
        blocks = z.shape[0] // self.size
        cut = blocks * self.size
        self._rest = z[cut:].copy()
        self._rest_seen = np.ones(self._rest.shape, bool) if seen is None else seen[cut:].copy()
        self.waiting = self._rest.shape[0]
        cube = z[:cut].reshape(blocks, self.size, c)
        mean, square = cube.sum(axis=1), np.einsum("bij,bij->bj", cube, cube)
        if seen is None:
            return Gathered(mean=mean / self.size, square=square / self.size, fraction=None, complete=complete)
        count = seen[:cut].reshape(blocks, self.size, c).sum(axis=1)
        some = np.maximum(count, 1)
        return Gathered(mean=mean / some, square=square / some, fraction=count / self.size, complete=complete)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Full blocks.

    Args:
        mean: Means over observed values, shape (b, C); 0 where nothing was observed.
        square: Means of squares over observed values, shape (b, C).
        fraction: Share observed, shape (b, C); None when all are 1.
        complete: For each row pushed, how many of these blocks were complete with it, shape (n,).
    """

    mean: Array
    square: Array
    fraction: Array | None
    complete: NDArray[np.int64]

    def held(self, before: float, scores: Array) -> Array:
        """Spread block scores (b,) over the rows: each row has the score of the last block complete by then."""
        return np.asarray(np.concatenate([[before], scores])[self.complete], np.float64)
