"""A dilution refrigerator as three thermal masses and a compressor.

Operating point: mixing chamber 10 ± 0.3 mK, still 0.8 K, 4 K plate 3.5 K, compressor water 16.8 to 24.3 °C, helium
60 °C, pressures 115/308 psi, 12.5 A. A dilution unit takes up 84·ṅ·(T² − T₀²) watts at a flow of ṅ mol/s (Pobell 2007,
Matter and Methods at Low Temperatures). Every stage follows its equilibrium with a time of its own; a warmer plate
warms the stage below it.
"""

import numpy as np

from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.noise import Ar1

FLOW_MOL_S = 500e-6
COOLING = 84.0 * FLOW_MOL_S  # W/K²
STILL_K_PER_W = 12.0
PLATE_K_PER_W = 0.6
STAGE_TIMES_S = (15.0, 20.0, 30.0)  # mixing chamber, still, 4 K plate
COMPRESSOR_TIMES_S = (5.0, 8.0, 8.0, 8.0, 8.0)  # water out, helium, low and high pressure, current
PSI = 6_894.757293168
REST_K = (0.0100, 0.8, 3.5)
REST_COMPRESSOR = (297.45, 333.15, 115 * PSI, 308 * PSI, 12.5)
# What a full loss of cooling water would lead to, were there no interlock: added to the rest values.
LOSS_COMPRESSOR = (35.0, 45.0, 18 * PSI, 70 * PSI, 3.0)
LOSS_PLATE_K = 9.0
# The still and the mixing chamber follow the plate above: K per K of rise.
STILL_PER_PLATE = 0.10
MXC_PER_STILL = 0.06
SIGMA = (0.0003, 0.004, 0.012, 0.08, 0.15, 0.35 * PSI, 0.8 * PSI, 0.05)
WATER_IN_K, WATER_IN_SIGMA = 289.95, 0.08
SHIELD_K, SHIELD_SIGMA, SHIELD_PER_PLATE = 46.0, 0.05, 1.5
# Vacuum can, pumping line, still line, condensing line, tank, dump: mbar × 100 = Pa, and their relative noise.
PRESSURES_PA = (2.1e-4, 62.0, 55.0, 42_000.0, 81_000.0, 1_200.0)
PRESSURE_NOISE = (0.03, 0.006, 0.006, 0.002, 0.001, 0.002)
CHANNELS = (
    ("mxc.temperature", "K"), ("still.temperature", "K"), ("plate4k.temperature", "K"),
    ("compressor.water_out", "K"), ("compressor.helium", "K"), ("compressor.low_pressure", "Pa"),
    ("compressor.high_pressure", "Pa"), ("compressor.current", "A"), ("compressor.water_in", "K"),
    ("shield50k.temperature", "K"),
    ("p1.pressure", "Pa"), ("p2.pressure", "Pa"), ("p3.pressure", "Pa"),
    ("p4.pressure", "Pa"), ("p5.pressure", "Pa"), ("p6.pressure", "Pa"),
)  # fmt: skip


class Cryostat:
    """Rows of a refrigerator's log on a regular grid; the columns are ``CHANNELS``.

    Args:
        rng: Its own random numbers.
        step_s: Grid step, s.
    """

    def __init__(self, rng: np.random.Generator, step_s: float) -> None:
        slow, self._white, pressure = rng.spawn(3)
        self._keep = np.exp(-step_s / np.array(STAGE_TIMES_S + COMPRESSOR_TIMES_S))
        self._state = np.array(REST_K + REST_COMPRESSOR)
        self.truly_k: Floats = np.empty(0)
        self._slow = Ar1(slow, step_s, 120.0, 1.0, len(SIGMA) + 2)
        self._pressure = Ar1(pressure, step_s, 60.0, 1.0, len(PRESSURES_PA))

    def rows(self, t_s: Floats, bench: Bench) -> Floats:
        """Return the next grid rows at ``t_s`` (n,), shape (n, 16), SI units."""
        n = t_s.size
        heat = bench.turn(Knob.HEAT, t_s, np.zeros((n, 3)))
        loss = bench.turn(Knob.COOLING_LOSS, t_s, np.zeros((n, 1)))[:, 0]
        stages = np.array([self._step(heat[row], float(loss[row])) for row in range(n)]).reshape(n, len(SIGMA))
        self.truly_k = stages[:, 0].copy()
        # Half of a sensor's variance is slow, half is the sensor's own.
        wander = self._slow.take(n)
        white = self._white.standard_normal((n, len(SIGMA) + 2 + len(PRESSURES_PA)))
        sensed = stages + np.array(SIGMA) * np.sqrt(0.5) * (wander[:, : len(SIGMA)] + white[:, : len(SIGMA)])
        sensed[:, 0] = np.maximum(sensed[:, 0], 1e-3)
        water_in = WATER_IN_K + WATER_IN_SIGMA * np.sqrt(0.5) * (wander[:, -2] + white[:, len(SIGMA)])
        rise = stages[:, 2] - REST_K[2]
        shield = (
            SHIELD_K
            + SHIELD_PER_PLATE * rise
            + SHIELD_SIGMA * np.sqrt(0.5) * (wander[:, -1] + white[:, len(SIGMA) + 1])
        )
        warm = np.ones((n, len(PRESSURES_PA)))
        # Warming still and plate drive helium out of the mixture into the lines and the tank.
        warm[:, 1:3] += 2.0 * np.maximum(stages[:, 1:2] / REST_K[1] - 1.0, 0.0)
        warm[:, 0] += 0.5 * np.maximum(rise, 0.0)
        noise = np.array(PRESSURE_NOISE) * np.sqrt(0.5) * (self._pressure.take(n) + white[:, len(SIGMA) + 2 :])
        pressures = np.array(PRESSURES_PA) * warm * np.exp(noise)
        return np.column_stack([sensed, water_in, shield, pressures])

    def _step(self, heat: Floats, loss: float) -> Floats:
        still, plate = self._state[1], self._state[2]
        goal = np.empty(len(self._state))
        goal[3:] = np.array(REST_COMPRESSOR) + loss * np.array(LOSS_COMPRESSOR)
        # The plate warms when the compressed helium comes back hot, not when the water stops.
        starved = (self._state[4] - REST_COMPRESSOR[1]) / LOSS_COMPRESSOR[1]
        goal[2] = REST_K[2] + LOSS_PLATE_K * max(starved, 0.0) + PLATE_K_PER_W * heat[2]
        goal[1] = REST_K[1] + STILL_PER_PLATE * max(plate - REST_K[2], 0.0) + STILL_K_PER_W * heat[1]
        above = MXC_PER_STILL * max(still - REST_K[1], 0.0)
        goal[0] = np.sqrt(REST_K[0] ** 2 + max(heat[0], 0.0) / COOLING) + above
        self._state = goal + (self._state - goal) * self._keep
        return self._state.copy()
