"""A stationary wander that can be asked at any times that never go back."""

import numpy as np

from mumetal.twin.knobs import Floats


class Wander:
    """Ornstein-Uhlenbeck process, exact at whatever times it is asked for (Gillespie 1996, doi:10.1103/PhysRevE.54.2084).

    Args:
        rng: Its own random numbers.
        columns: Independent copies.
        time_s: Correlation time, s.
        sigma: Stationary standard deviation.
    """

    def __init__(self, rng: np.random.Generator, columns: int, time_s: float, sigma: float) -> None:
        self._rng, self._time, self._sigma = rng, time_s, sigma
        self._state = sigma * rng.standard_normal(columns)
        self._t = 0.0

    def at(self, t_s: float) -> Floats:
        """Return the value at ``t_s`` (s), shape (columns,)."""
        step = max(t_s - self._t, 0.0)
        if step > 0.0:
            keep = float(np.exp(-step / self._time))
            kick = self._sigma * float(np.sqrt(1.0 - keep * keep))
            self._state = keep * self._state + kick * self._rng.standard_normal(self._state.size)
            self._t = t_s
        return self._state.copy()
