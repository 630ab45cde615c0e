"""What has lately been ordinary for a score, learnt on, but never far from what was learnt first unless it was alarmed."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MEMORY = 3_000.0  # updates over which the baseline follows
CAP = 3.0  # standard deviations that one update counts for at most
FARTHEST = 0.7  # log(1 + score): a baseline never rises past double of what it was set to …
WIDEST = 25.0  # … and its variance never past this many times
FLOOR = 0.02  # variance added, in squared log units: scores are not split finer than that
RECOVERS = 3  # updates past the alarm that one ordinary update takes back


class Baseline:
    """Standardises log(1 + score) by a running mean and variance.

    Data drift: what the history knew as ordinary is not what next month has. So the baseline follows, slowly, and each
    update counts for at most ``CAP`` deviations (Huber 1964, doi:10.1214/aoms/1177703732). Who wants to poison it by
    drifting slowly gains no more than ``FARTHEST`` and ``WIDEST`` allow, for ever.

    A state that the history never held would alarm for ever, and hide what happens in it. So after ``patience`` updates
    past the alarm, more than three in four of them, that state is taken for what is ordinary now, and the next change
    counts from there; after as many updates that fit what was learnt first, that is back in force. The alarm has to be so
    high that someone was told long before. Rows in such a state are ``apart``: to be scored, not to be learnt from.

    Args:
        ordinary: Scores of ordinary rows, ≥ 0, shape (n,), n ≥ 1.
        every: Rows per update.
        patience: Updates, ≥ 1.
    """

    saved = (
        "_learnt",
        "_alpha",
        "_every",
        "_patience",
        "_alarm",
        "_recent",
        "_rows",
        "_from",
        "_mean",
        "_variance",
        "_strange",
        "_usual",
    )
    unsaved = ("apart",)

    def __init__(self, ordinary: Array, every: int = 1, patience: int = 300) -> None:
        logs = np.log1p(np.maximum(ordinary, 0.0))
        self._learnt = float(np.median(logs)), float(np.var(logs)) + FLOOR
        self._alpha, self._every, self._patience = 1 / MEMORY, every, patience
        self._alarm = math.inf  # deviations
        self.reset()

    def alarm_at(self, score: float) -> None:
        """Say which score that :meth:`push` returns, > 0, is an alarm; until then no state is taken for another one."""
        self._alarm = score + math.log(-math.expm1(-score))

    def reset(self) -> None:
        """Forget what came after the history."""
        self._recent: deque[float] = deque(maxlen=self._patience)
        self._rows = 0
        self._set(*self._learnt)

    def _set(self, mean: float, variance: float) -> None:
        self._from = self._mean, self._variance = mean, variance
        self._strange = self._usual = 0

    @property
    def absorbed(self) -> float:
        """How far the baseline has moved from where it was set, as a share of what it may at most, in [0, 1]."""
        mean = (self._mean - self._from[0]) / FARTHEST
        wide = math.log(max(self._variance / self._from[1], 1.0)) / math.log(WIDEST)
        return min(1.0, max(mean, wide, 0.0))

    def push(self, scores: Array) -> Array:
        """Return each score's distance from the baseline before it, smoothly bounded below by 0, shape (n,).

        Afterwards ``apart`` tells which of these rows came in a state that the history does not hold, shape (n,).
        """
        logs = np.log1p(np.maximum(scores, 0.0))
        mean, wide = np.empty(len(logs)), np.empty(len(logs))
        self.apart = np.empty(len(logs), bool)
        start = 0
        for row in range(-self._rows % self._every, len(logs), self._every):
            self._stand(mean, wide, start, row + 1)
            start = row + 1
            self._follow(float(logs[row]))
        self._stand(mean, wide, start, len(logs))
        self._rows += len(logs)
        return np.asarray(np.logaddexp(0.0, (logs - mean) / np.sqrt(wide + FLOOR)), np.float64)

    def _stand(self, mean: Array, wide: Array, start: int, stop: int) -> None:
        mean[start:stop], wide[start:stop] = self._mean, self._variance
        self.apart[start:stop] = self._from != self._learnt

    def _follow(self, log: float) -> None:
        """Move towards one log score, or to another state where that has lasted long enough."""
        deviation = math.sqrt(self._variance + FLOOR)
        if math.isfinite(self._alarm):
            self._recent.append(log)
            past = log - self._mean > self._alarm * deviation
            self._strange = self._strange + 1 if past else max(0, self._strange - RECOVERS)
            mean, variance = self._learnt
            self._usual = self._usual + 1 if log - mean <= self._alarm * math.sqrt(variance + FLOOR) else 0
            if self._strange >= self._patience:
                self._set(float(np.median(self._recent)), max(float(np.var(self._recent)), variance))
            elif self._from != self._learnt and self._usual >= self._patience:
                self._set(mean, variance)
        limit = CAP * deviation
        apart = min(max(log - self._mean, -limit), limit)
        self._mean = min(self._mean + self._alpha * apart, self._from[0] + FARTHEST)
        moved = self._variance + self._alpha * (apart * apart - self._variance)
        self._variance = min(moved, WIDEST * self._from[1])
