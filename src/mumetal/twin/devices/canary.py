"""Canaries: small circuits that run between the users' jobs and tell how wrong the qubits are right now.

Each row is ``shots`` repetitions over the second that follows: prepare |1⟩, wait, read. The error rate is
e = 1 − exp(−wait/T1) plus what bursts, vibration, heat and attacks add, folded with the readout error; the count is
binomial. A qubit warmer than about 30 mK is thermally excited with probability 1/(exp(hf/kT) + 1) (Jin et al. 2015,
doi:10.1103/PhysRevLett.114.240501).
"""

import numpy as np

from mumetal.twin.devices.chip import Chip
from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.magnetic import PULSE_TUBE_HZ
from mumetal.twin.signals.radiation import Radiation

WAIT_S = 5e-6
SHOTS = 512
VIBRATION_ERROR = 0.001
KELVIN_PER_HZ = 4.799243e-11  # h/k_B
DEFAULT_HZ = 5e9


def thermal(temperature_k: Floats, frequency_hz: float = DEFAULT_HZ) -> Floats:
    """Return the thermal excitation of a qubit at ``temperature_k`` (n,), in [0, 0.5)."""
    population: Floats = 1.0 / (np.exp(KELVIN_PER_HZ * frequency_hz / np.maximum(temperature_k, 1e-3)) + 1.0)
    return population


class Canaries:
    """Error rates of some qubits, a row each ``step_s``.

    Args:
        rng: Its own random numbers.
        chip: The device.
        qubits: Which qubits have a canary.
        step_s: Length of a row, s.
    """

    def __init__(self, rng: np.random.Generator, chip: Chip, qubits: tuple[int, ...], step_s: float) -> None:
        rain, self._shots = rng.spawn(2)
        self.qubits = qubits
        self._chip, self._step = chip, step_s
        self._radiation = Radiation(rain, step_s)

    def rows(self, t_s: Floats, mxc_k: Floats, bench: Bench) -> Floats:
        """Return error rates at the next grid times.

        Args:
            t_s: Row starts, s, shape (n,).
            mxc_k: Temperature of the mixing chamber at those times, K, shape (n,).
            bench: Effects in progress.

        Returns:
            Error rates, shape (n, canaries), multiples of 1/512.
        """
        p = self.probabilities(t_s, mxc_k, bench)[:, list(self.qubits)]
        # Counting uniforms below p is an exact binomial that changes only where p does.
        draws = self._shots.random((*p.shape, SHOTS))
        rates: Floats = (draws < p[..., None]).mean(axis=-1)
        return rates

    def probabilities(self, t_s: Floats, mxc_k: Floats, bench: Bench) -> Floats:
        """Return the error probability behind the counts for all qubits, shape (n, Q)."""
        shape = (t_s.size, self._chip.qubits)
        gamma = bench.turn(Knob.RELAXATION, t_s, self._chip.relaxation.rate(t_s))
        factor = bench.turn(Knob.VIBRATION, t_s, np.ones((t_s.size, 1)))
        shake = VIBRATION_ERROR * factor * (1.0 + np.sin(2 * np.pi * PULSE_TUBE_HZ * t_s))[:, None]
        excess = np.zeros(shape) + self._radiation.excess(t_s) + shake + thermal(mxc_k)[:, None]
        excess = bench.turn(Knob.EXCESS, t_s, excess)
        readout = bench.turn(Knob.READOUT, t_s, np.broadcast_to(self._chip.readout_error, shape).copy())
        decay = -np.expm1(-WAIT_S * gamma)
        wrong = np.clip(decay + (1.0 - decay) * excess, 0.0, 1.0)
        folded: Floats = wrong * (1.0 - readout) + (1.0 - wrong) * readout
        return folded
