"""Energy relaxation: a base rate plus two-level systems that come and go.

Each qubit relaxes at Γ₀(1 + Σ aₖsₖ(t)), with five two-level systems of relative strength aₖ = 0.2·lognormal(0, 1)
that switch on and off like telegraphs, switching times log-uniform between 10 minutes and 35 days (fitted to the daily
QPROV data: σ of ln T1 0.23 to 0.26, lag-1 autocorrelation about 0.2; model after Müller et al. 2015,
doi:10.1103/PhysRevB.92.035442, and Klimov et al. 2018, doi:10.1103/PhysRevLett.121.090502).
"""

import heapq

import numpy as np

from mumetal.twin.knobs import Floats

SYSTEMS = 5
STRENGTH = 0.2
SHORTEST_S = 600.0
LONGEST_S = 35 * 86_400.0


class Relaxation:
    """Relaxation rates of Q qubits.

    Args:
        rng: Its own random numbers.
        t1_s: T1 of each qubit at time 0, s, shape (Q,).
        speed: How much faster than real time the two-level systems switch.
    """

    def __init__(self, rng: np.random.Generator, t1_s: Floats, speed: float = 1.0) -> None:
        shape = (t1_s.size, SYSTEMS)
        self._rng = rng
        self._strength = STRENGTH * rng.lognormal(0.0, 1.0, shape)
        self._dwell = np.exp(rng.uniform(np.log(SHORTEST_S), np.log(LONGEST_S), shape)) / speed
        self._on = rng.random(shape) < 0.5
        self._base = 1.0 / t1_s / (1.0 + (self._strength * self._on).sum(1))
        first = rng.exponential(self._dwell)
        self._next = [(float(first[index]), *index) for index in np.ndindex(*shape)]
        heapq.heapify(self._next)

    def rate(self, t_s: Floats) -> Floats:
        """Return 1/T1 in 1/s at times ``t_s`` (n,) that never go back, shape (n, Q)."""
        out = np.empty((t_s.size, self._base.size))
        current = self._now()
        for row, t in enumerate(t_s):
            if self._next[0][0] <= t:
                self._switch(float(t))
                current = self._now()
            out[row] = current
        return out

    def _now(self) -> Floats:
        rates: Floats = self._base * (1.0 + (self._strength * self._on).sum(1))
        return rates

    def _switch(self, until_s: float) -> None:
        while self._next[0][0] <= until_s:
            when, qubit, system = self._next[0]
            self._on[qubit, system] ^= True
            wait = self._rng.exponential(self._dwell[qubit, system])
            heapq.heapreplace(self._next, (when + wait, qubit, system))
