"""Radiation: now and then the whole chip relaxes at once, for tens of milliseconds.

Correlated bursts come about once in ten seconds on a chip and decay within tens of ms (arXiv 2603.16494; McEwen et al.
2022, doi:10.1038/s41567-021-01432-8). A canary row averages its errors over ``window_s``.
"""

import numpy as np

from mumetal.twin.knobs import Floats

EVERY_S = 10.0
DECAY_S = 0.025
PEAK = 0.1


def burst(t_s: Floats, window_s: float, start_s: float, peak: float, decay_s: float) -> Floats:
    """Return the mean added error of windows [t, t + window_s) for one burst, shape (n,).

    Args:
        t_s: Window starts, s, shape (n,).
        window_s: Window length, s.
        start_s: When the burst strikes.
        peak: Added error probability at its start.
        decay_s: Exponential decay time, s.
    """
    since = np.maximum(t_s - start_s, 0.0)
    until = np.maximum(t_s + window_s - start_s, 0.0)
    mean: Floats = peak * decay_s / window_s * (np.exp(-since / decay_s) - np.exp(-until / decay_s))
    return mean


class Radiation:
    """The ordinary rain of bursts.

    Args:
        rng: Its own random numbers.
        window_s: Length of a canary row, s.
    """

    def __init__(self, rng: np.random.Generator, window_s: float) -> None:
        self._rng, self._window = rng, window_s
        self._bursts: list[tuple[float, float]] = []
        self._next = float(rng.exponential(EVERY_S))

    def excess(self, t_s: Floats) -> Floats:
        """Return the added error probability at rows ``t_s`` (n,) that never go back, shape (n, 1)."""
        out = np.zeros(t_s.size)
        if t_s.size:
            while self._next < t_s[-1] + self._window:
                self._bursts.append((self._next, PEAK * float(self._rng.lognormal(0.0, 0.5))))
                self._next += float(self._rng.exponential(EVERY_S))
            for start, peak in self._bursts:
                out += burst(t_s, self._window, start, peak, DECAY_S)
            self._bursts = [b for b in self._bursts if b[0] > t_s[-1] - 40 * DECAY_S]
        return out[:, None]
