"""The field at the package: mains lines with harmonics, 1/f noise, and the pulse tube's 1.4 Hz pickup.

The magnetometer has no anti-alias filter, as cheap fluxgates do not: at 80 samples a second 50, 100 and 150 Hz show up
at 30, 20 and 10 Hz. The pulse tube runs phase-locked at 1.4 Hz (arXiv 2603.16494; its vibration heats and flexes
cables, Kalra et al. 2016, arXiv 1603.03146).
"""

import numpy as np

from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.noise import Ar1, Pink

PULSE_TUBE_HZ = 1.4
MAINS_HZ = 50.0
LINES_T = (20e-9, 4e-9, 7e-9)  # 50, 100, 150 Hz
PICKUP_T = 3e-9
PINK_T = 4e-9
WHITE_T = 1e-9
STATIC_T = 1.2e-6
WANDER_S = 8.0
WANDER_RAD = 0.15


class Magnetometer:
    """Field samples on a regular grid.

    Args:
        rng: Its own random numbers.
        step_s: Grid step, s.
    """

    def __init__(self, rng: np.random.Generator, step_s: float) -> None:
        phases, pink, self._white, phase = rng.spawn(4)
        self._phase = phases.uniform(0.0, 2 * np.pi, len(LINES_T))
        self._pink = Pink(pink, step_s, 600.0, PINK_T)
        self._grid_phase = Ar1(phase, step_s, WANDER_S, WANDER_RAD)

    def field(self, t_s: Floats, bench: Bench) -> Floats:
        """Return the field in T at the next grid times ``t_s`` (n,), shape (n, 1)."""
        n = t_s.size
        wander = self._grid_phase.take(n)[:, 0]
        total = STATIC_T + self._pink.take(n)[:, 0] + WHITE_T * self._white.standard_normal(n)
        for order, (height, phase) in enumerate(zip(LINES_T, self._phase, strict=True), start=1):
            total = total + height * np.sin(order * (2 * np.pi * MAINS_HZ * t_s + wander) + phase)
        factor = bench.turn(Knob.VIBRATION, t_s, np.ones((n, 1)))[:, 0]
        field: Floats = total + PICKUP_T * factor * np.sin(2 * np.pi * PULSE_TUBE_HZ * t_s)
        return field[:, None]
