"""The control rack's power: baseline, the energy of the pulses it plays, and the meter's noise.

Power traces give pulses away (Xu et al. 2023, arXiv 2304.03315). A pulse's energy is the mean of its squared envelope;
the two figures below are means over the pulse libraries of 46 real devices in the qiskit-ibm-runtime 0.40.1 wheel
(Apache-2.0), measured by ``scripts/pulse_energies.py``. Baseline, full-scale power, duty and meter noise are assumed.
"""

import numpy as np

from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.load import DENSITY, Activity

ONE_QUBIT_ENERGY = 0.0137  # 3,689 pulses of x and sx
TWO_QUBIT_ENERGY = 0.0548  # 10,056 flat tops of cx and ecr
BASELINE_W = 850.0
FULL_SCALE_W = 2_000.0  # the rack's extra power if every channel played at full scale all the time
DUTY = 0.35
NOISE_W = 0.6
MEAN_ENERGY = (1.0 - DENSITY) * ONE_QUBIT_ENERGY + DENSITY * TWO_QUBIT_ENERGY


class RackPower:
    """Power samples on a regular grid.

    Args:
        rng: Its own random numbers.
        activity: The load that the queue shares.
    """

    def __init__(self, rng: np.random.Generator, activity: Activity) -> None:
        self._rng, self._activity = rng, activity

    def watts(self, t_s: Floats, bench: Bench) -> Floats:
        """Return the power in W at the next grid times ``t_s`` (n,), shape (n, 1)."""
        played = FULL_SCALE_W * DUTY * MEAN_ENERGY * self._activity.at(t_s)
        own = BASELINE_W + played + NOISE_W * self._rng.standard_normal(t_s.size)
        return bench.turn(Knob.RACK_LOAD, t_s, own[:, None])
