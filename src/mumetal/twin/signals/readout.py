"""Readout: two Gaussian clouds in the IQ plane, whose distance wanders from day to day.

A cloud separation of d standard deviations gives an assignment error ε = Φ(−d/2); the measured daily σ of ln ε is 0.25
(QPROV, 2020), of which a part is the calibration's own counting noise.
"""

import numpy as np

from mumetal.twin.knobs import Floats
from mumetal.twin.signals.wander import Wander

SIGMA_LN = 0.24
CORRELATION_S = 0.7 * 86_400.0


class Readout:
    """Readout errors of Q qubits.

    Args:
        rng: Its own random numbers.
        error: Readout error at time 0, shape (Q,), in (0, 0.5).
        speed: How much faster than real time they wander.
    """

    def __init__(self, rng: np.random.Generator, error: Floats, speed: float = 1.0) -> None:
        self._base = np.clip(error, 1e-4, 0.45)
        self._wander = Wander(rng, error.size, CORRELATION_S / speed, SIGMA_LN)

    def error(self, t_s: float) -> Floats:
        """Return the error at a time that never goes back, shape (Q,), at most 0.5."""
        errors: Floats = np.minimum(self._base * np.exp(self._wander.at(t_s)), 0.5)
        return errors
