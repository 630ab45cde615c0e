"""Coloured noise in exact chunk-continuous form."""

import numpy as np

from mumetal.twin.knobs import Floats

BLOCK = 64


class Ar1:
    """Stationary first-order autoregression on a regular grid (a sampled Ornstein-Uhlenbeck process).

    Args:
        rng: Its own random numbers.
        step_s: Grid step, s.
        time_s: Correlation time, s.
        sigma: Stationary standard deviation.
        columns: Independent copies.
    """

    def __init__(self, rng: np.random.Generator, step_s: float, time_s: float, sigma: float, columns: int = 1) -> None:
        self._rng = rng
        self._a = float(np.exp(-step_s / time_s))
        self._kick = sigma * float(np.sqrt(-np.expm1(-2 * step_s / time_s)))
        self._state = sigma * rng.standard_normal(columns)
        lags = np.subtract.outer(np.arange(BLOCK), np.arange(BLOCK))
        self._kernel = np.where(lags >= 0, self._a ** np.maximum(lags, 0), 0.0)
        self._decay = self._a ** np.arange(1, BLOCK + 1)

    def take(self, n: int) -> Floats:
        """Return the next ``n`` samples, shape (n, columns)."""
        kicks = self._kick * self._rng.standard_normal((n, self._state.size))
        out = np.empty_like(kicks)
        for first in range(0, n, BLOCK):
            part = kicks[first : first + BLOCK]
            m = len(part)
            out[first : first + m] = self._kernel[:m, :m] @ part + self._decay[:m, None] * self._state
            self._state = out[first + m - 1].copy()
        return out


class Pink:
    """Noise whose power falls as 1/f between two times: a sum of autoregressions at one per octave and a half.

    Args:
        rng: Its own random numbers.
        step_s: Grid step, s.
        longest_s: Longest correlation time, s.
        sigma: Standard deviation of the sum.
    """

    def __init__(self, rng: np.random.Generator, step_s: float, longest_s: float, sigma: float) -> None:
        count = max(2, round(np.log2(longest_s / step_s) / 1.5))
        times = np.geomspace(2 * step_s, longest_s, count)
        # Equal variance per octave of correlation time is a 1/f spectrum (van der Ziel 1950).
        self._parts = [
            Ar1(child, step_s, float(t), sigma / np.sqrt(count))
            for child, t in zip(rng.spawn(count), times, strict=True)
        ]

    def take(self, n: int) -> Floats:
        """Return the next ``n`` samples, shape (n, 1)."""
        total: Floats = np.sum([part.take(n) for part in self._parts], axis=0)
        return total
