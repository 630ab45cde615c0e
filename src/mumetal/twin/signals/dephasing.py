"""Dephasing: 1/T2 = 1/(2·T1) + Γφ, so T2 never exceeds 2·T1 (Krantz et al. 2019, arXiv 1904.06560).

Γφ wanders log-normally from day to day; together with T1's own motion this gives the measured σ of ln T2 of 0.19 to
0.32 (QPROV, 2020).
"""

import numpy as np

from mumetal.twin.knobs import Floats
from mumetal.twin.signals.wander import Wander

SIGMA_LN = 0.34
CORRELATION_S = 0.8 * 86_400.0
LEAST_SHARE = 0.05


class Dephasing:
    """Pure dephasing rates of Q qubits.

    Args:
        rng: Its own random numbers.
        t1_s: T1 at time 0, s, shape (Q,).
        t2_s: T2 at time 0, s, shape (Q,); where it exceeds 2·T1 a small pure dephasing is taken.
        speed: How much faster than real time it wanders.
    """

    def __init__(self, rng: np.random.Generator, t1_s: Floats, t2_s: Floats, speed: float = 1.0) -> None:
        self._base = np.maximum(1.0 / t2_s - 0.5 / t1_s, LEAST_SHARE / t2_s)
        self._wander = Wander(rng, t1_s.size, CORRELATION_S / speed, SIGMA_LN)

    def rate(self, t_s: float) -> Floats:
        """Return Γφ in 1/s at a time that never goes back, shape (Q,)."""
        rates: Floats = self._base * np.exp(self._wander.at(t_s))
        return rates
