"""How busy the queue is: jobs, shots and how densely their circuits use two-qubit gates."""

import numpy as np

from mumetal.twin.knobs import Bench, Floats, Knob

JOBS_HZ = 2.0
SHOTS_PER_JOB = 4_000.0
DENSITY = 0.22
DENSITY_NOISE = 0.012


class Activity:
    """A slow, smooth load between about 0.6 and 1.4 that can be asked at any time, in any order.

    Args:
        rng: Its own random numbers.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._hz = 1.0 / rng.uniform(45.0, 900.0, 4)
        self._phase = rng.uniform(0.0, 2 * np.pi, 4)

    def at(self, t_s: Floats) -> Floats:
        """Return the load at ``t_s`` (n,), shape (n,), mean 1."""
        waves = np.sin(2 * np.pi * np.multiply.outer(t_s, self._hz) + self._phase)
        load: Floats = 1.0 + 0.1 * waves.sum(1)
        return load


class QueueLoad:
    """Jobs a second, shots a second and two-qubit gate density, a row each ``step_s``.

    Args:
        rng: Its own random numbers.
        activity: The load that the rack shares.
        step_s: Length of a row, s.
    """

    def __init__(self, rng: np.random.Generator, activity: Activity, step_s: float) -> None:
        self._activity, self._step = activity, step_s
        self._jobs, self._noise = rng.spawn(2)

    def rows(self, t_s: Floats, bench: Bench) -> Floats:
        """Return (jobs 1/s, shots 1/s, density 1) at the next grid times ``t_s`` (n,), shape (n, 3)."""
        n = t_s.size
        load = self._activity.at(t_s)
        arrivals = self._jobs.poisson(JOBS_HZ * load * self._step) / self._step
        noise = self._noise.standard_normal((n, 2))
        jobs = bench.turn(Knob.JOBS, t_s, arrivals[:, None].astype(np.float64))
        own_shots = SHOTS_PER_JOB * JOBS_HZ * load * np.exp(0.08 * noise[:, 0])
        shots = bench.turn(Knob.SHOTS, t_s, own_shots[:, None])
        density = bench.turn(Knob.DENSITY, t_s, (DENSITY + DENSITY_NOISE * noise[:, 1])[:, None])
        return np.hstack([jobs, shots, np.clip(density, 0.0, 1.0)])
