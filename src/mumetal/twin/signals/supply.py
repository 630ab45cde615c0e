"""The controller's supply behind its filter, and the energy of the pulses that the controller plays.

Power is a baseline, the filter's share of the sum of squared envelopes, and the meter's noise (Xu et al. 2023, arXiv
2304.03315). The mix of circuits changes from row to row, and with it the energy; the queue's load does not show, since
idle qubits of this board are played decoupling pulses. Energies of pulses are those of real
libraries (see ``power``); share, spread from row to row and noise are assumed.
"""

import numpy as np

from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.power import DUTY, FULL_SCALE_W, MEAN_ENERGY

SUPPLY = (("awg.pulse_energy", "1"), ("supply.power", "W"))
BASELINE_W = 120.0
PASSED = 0.05  # share of the pulses' power that shows at the supply behind its filter
MIX = 0.3  # relative spread of the energy from row to row
NOISE_W = 0.6


class Supply:
    """Rows of pulse energy and supply power on a regular grid.

    Args:
        rng: Its own random numbers.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._mix, self._noise = rng.spawn(2)

    def rows(self, t_s: Floats, bench: Bench) -> Floats:
        """Return (mean squared envelope, W) at the next grid times ``t_s`` (n,), shape (n, 2)."""
        mixed = np.maximum(1.0 + MIX * self._mix.standard_normal(t_s.size), 0.0)
        energy = DUTY * MEAN_ENERGY * mixed
        passed = bench.turn(Knob.LEAK, t_s, np.full((t_s.size, 1), PASSED))[:, 0]
        watts = BASELINE_W + passed * FULL_SCALE_W * energy + NOISE_W * self._noise.standard_normal(t_s.size)
        return np.column_stack([energy, watts])
