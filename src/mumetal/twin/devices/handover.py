"""What tenants measure first on a qubit, counted by what the tenant before them measured last.

After an honest reset both shares of 1 are the readout error. A reset that leaves a residual r of the state behind adds
r·(1 - 2ε) after a 1 only (Mi et al. 2022, doi:10.1145/3548606.3559380). Shots per second and qubit are assumed.
"""

import numpy as np

from mumetal.twin.devices.chip import Chip
from mumetal.twin.knobs import Bench, Floats, Knob

SHOTS = 256
WHAT = ("shots_after_0", "ones_after_0", "shots_after_1", "ones_after_1")


class Handover:
    """Counts of first measurements, a row each grid step.

    Args:
        rng: Its own random numbers.
        chip: The device.
        qubits: Which qubits are counted.
    """

    def __init__(self, rng: np.random.Generator, chip: Chip, qubits: tuple[int, ...]) -> None:
        self._rng, self._chip, self.qubits = rng, chip, qubits

    @property
    def channels(self) -> tuple[tuple[str, str], ...]:
        """Names and units, four a qubit."""
        return tuple((f"q{q}.{what}", "1") for q in self.qubits for what in WHAT)

    def rows(self, t_s: Floats, bench: Bench) -> Floats:
        """Return counts at the next grid times ``t_s`` (n,), shape (n, 4·qubits)."""
        shape = (t_s.size, self._chip.qubits)
        error = bench.turn(Knob.READOUT, t_s, np.broadcast_to(self._chip.readout_error, shape).copy())
        error = error[:, list(self.qubits)]
        left = bench.turn(Knob.RESIDUAL, t_s, np.zeros((t_s.size, 1)))
        draws = self._rng.random((t_s.size, len(self.qubits), 2, SHOTS))
        share = np.stack([error, error + left * (1.0 - 2.0 * error)], axis=2)
        ones = (draws < share[..., None]).sum(axis=-1)
        out = np.full((t_s.size, len(self.qubits), 4), float(SHOTS))
        out[:, :, 1], out[:, :, 3] = ones[:, :, 0], ones[:, :, 1]
        return out.reshape(t_s.size, -1)
