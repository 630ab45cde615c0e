"""The control rack's power: baseline, the energy of the pulses it plays, and the meter's noise.

Pulse energy is the mean of the squared envelope times the share of time pulses play (Xu et al. 2023, arXiv 2304.03315:
power traces give pulses away). Envelopes here are the two shapes IBM devices play: a Gaussian (σ = duration/4) for
one-qubit gates and a flat top with Gaussian edges for two-qubit gates.
"""

import numpy as np

from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.load import Activity

BASELINE_W = 850.0
PEAK_W = 140.0  # the rack's extra power if every channel played a full-scale pulse all the time
DUTY = 0.35
NOISE_W = 0.6


def gaussian_energy(points: int = 160) -> float:
    """Return the mean squared envelope of a lifted Gaussian pulse of full scale, in (0, 1)."""
    x = np.linspace(-2.0, 2.0, points)
    edge = np.exp(-2.0)
    envelope = (np.exp(-0.5 * x * x) - edge) / (1.0 - edge)
    return float(np.mean(envelope**2))


def flat_top_energy(points: int = 1_000, rise: float = 0.15) -> float:
    """Return the mean squared envelope of a flat-top pulse with Gaussian edges of share ``rise`` each, in (0, 1)."""
    x = np.linspace(0.0, 1.0, points)
    outside = np.maximum(np.maximum(rise - x, x - (1.0 - rise)), 0.0) / (rise / 2.0)
    return float(np.mean(np.exp(-0.5 * outside**2) ** 2))


MEAN_ENERGY = 0.7 * gaussian_energy() + 0.3 * flat_top_energy()


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
        played = PEAK_W * DUTY * MEAN_ENERGY * self._activity.at(t_s)
        own = BASELINE_W + played + NOISE_W * self._rng.standard_normal(t_s.size)
        return bench.turn(Knob.RACK_LOAD, t_s, own[:, None])
