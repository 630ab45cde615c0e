"""Qubit frequencies: a fixed transmon drifts by about 20 kHz a year (median); a flux-tunable one steps.

Steps of tunable qubits between calibrations have median 344 kHz and 90th percentile 10.6 MHz (measured on a public
calibration history): log-normal with σ = ln(10.6 MHz / 344 kHz) / 1.2816.
"""

import numpy as np

from mumetal.twin.knobs import Floats

YEAR_S = 365.25 * 86_400.0
DRIFT_HZ = 20e3 / 0.6745  # median of |N(0, σ)| is 0.6745 σ
STEP_HZ = 344e3
STEP_SIGMA = float(np.log(10.6e6 / STEP_HZ) / 1.2816)
STEP_EVERY_S = 7 * 86_400.0


class Frequency:
    """Frequencies of Q qubits.

    Args:
        rng: Its own random numbers.
        frequency_hz: At time 0, Hz, shape (Q,).
        tunable: Whether the qubits are flux-tunable and step about once a week.
        speed: How much faster than real time they drift.
    """

    def __init__(
        self, rng: np.random.Generator, frequency_hz: Floats, *, tunable: bool = False, speed: float = 1.0
    ) -> None:
        self._rng, self._tunable, self._speed = rng, tunable, speed
        self._now = frequency_hz.astype(np.float64)
        self._t = 0.0

    def at(self, t_s: float) -> Floats:
        """Return the frequencies in Hz at a time that never goes back, shape (Q,)."""
        step = max(t_s - self._t, 0.0) * self._speed
        if step > 0.0:
            size = self._now.size
            self._now = self._now + DRIFT_HZ * np.sqrt(step / YEAR_S) * self._rng.standard_normal(size)
            if self._tunable:
                steps = self._rng.random(size) < -np.expm1(-step / STEP_EVERY_S)
                height = STEP_HZ * np.exp(STEP_SIGMA * self._rng.standard_normal(size))
                self._now = self._now + steps * height * np.where(self._rng.random(size) < 0.5, -1.0, 1.0)
            self._t = t_s
        return self._now.copy()
