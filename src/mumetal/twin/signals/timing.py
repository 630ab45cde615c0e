"""When pulses leave the generator, against when they should: Gaussian jitter, wander, and reference pulses.

Jitter is 5 ps (generators: 1 to 10 ps); a wander of 10 ps over half a minute is common to the pulses and to the
reference pulses that are interleaved with them, so the difference of the two is free of it. A covert channel shifts
data pulses only (capacity about 0.72·d² bit a pulse for a shift of ±d·σ, Gaussian channel).
"""

import numpy as np

from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.noise import Ar1

JITTER_S = 5e-12
WANDER_S = 10e-12
WANDER_TIME_S = 30.0


class PulseTiming:
    """Residuals of one sampled pulse and of the reference pulse beside it, on a regular grid.

    Args:
        rng: Its own random numbers.
        step_s: Grid step, s.
    """

    def __init__(self, rng: np.random.Generator, step_s: float) -> None:
        wander, self._white = rng.spawn(2)
        self._wander = Ar1(wander, step_s, WANDER_TIME_S, WANDER_S)

    def residuals(self, t_s: Floats, bench: Bench) -> Floats:
        """Return (pulse, reference) residuals in s at the next grid times ``t_s`` (n,), shape (n, 2)."""
        both = self._wander.take(t_s.size) + JITTER_S * self._white.standard_normal((t_s.size, 2))
        both[:, :1] = bench.turn(Knob.PULSE_DELAY, t_s, both[:, :1])
        return both
