"""What has lately been ordinary for a score, learnt on, but never far from what was learnt first."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MEMORY = 3_000.0  # updates over which the baseline follows
CAP = 3.0  # standard deviations that one update counts for at most
FARTHEST = 0.7  # log(1 + score): a baseline never rises past double of what the history had …
WIDEST = 25.0  # … and its variance never past this many times
FLOOR = 0.02  # variance added, in squared log units: scores are not split finer than that


class Baseline:
    """Standardises log(1 + score) by a running mean and variance.

    Data drift: what the history knew as ordinary is not what next month has. So the baseline follows, slowly, and each
    update counts for at most ``CAP`` deviations (Huber 1964, doi:10.1214/aoms/1177703732). Who wants to poison it by
    drifting slowly gains no more than ``FARTHEST`` and ``WIDEST`` allow, for ever.

    Args:
        ordinary: Scores of ordinary rows, ≥ 0, shape (n,), n ≥ 1.
        every: Rows per update.
    """

    def __init__(self, ordinary: Array, every: int = 1) -> None:
        logs = np.log1p(np.maximum(ordinary, 0.0))
        self._first = float(np.median(logs))
        self._wide = float(np.var(logs)) + FLOOR
        self._alpha, self._every = 1 / MEMORY, every
        self.reset()

    def reset(self) -> None:
        """Forget what came after the history."""
        self._mean, self._variance, self._rows = self._first, self._wide, 0

    @property
    def absorbed(self) -> float:
        """How far the baseline has moved from the history's, as a share of what it may at most, in [0, 1]."""
        mean = (self._mean - self._first) / FARTHEST
        wide = math.log(max(self._variance / self._wide, 1.0)) / math.log(WIDEST)
        return min(1.0, max(mean, wide, 0.0))

    def push(self, scores: Array) -> Array:
        """Return each score's distance from the baseline before it, smoothly bounded below by 0, shape (n,)."""
        logs = np.log1p(np.maximum(scores, 0.0))
        mean, wide = np.empty(len(logs)), np.empty(len(logs))
        start = 0
        for row in range(-self._rows % self._every, len(logs), self._every):
            mean[start : row + 1], wide[start : row + 1] = self._mean, self._variance
            start = row + 1
            limit = CAP * math.sqrt(self._variance + FLOOR)
            apart = min(max(float(logs[row]) - self._mean, -limit), limit)
            self._mean = min(self._mean + self._alpha * apart, self._first + FARTHEST)
            moved = self._variance + self._alpha * (apart * apart - self._variance)
            self._variance = min(moved, WIDEST * self._wide)
        mean[start:], wide[start:] = self._mean, self._variance
        self._rows += len(logs)
        return np.asarray(np.logaddexp(0.0, (logs - mean) / np.sqrt(wide + FLOOR)), np.float64)
