"""From scores to how often ordinary data would give them: thresholds without labels, from an alert budget."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.numerics.tails import Tail, fit_tail

Array = NDArray[np.float64]
WEEK_S = 604_800.0
TRUE_PER_WEEK = 1.0  # prior rate of real trouble on one stream, for the confidence of a finding
FORGOTTEN = 0.2  # autocorrelation below which rows count as independent
CAUTION = 1.0  # standard errors of the tail's scale that a threshold stays clear of


class Budget:
    """False alerts a week, shared evenly by everything that may raise one.

    Args:
        alerts_per_week: What the user accepts over all devices, 1/week.
    """

    def __init__(self, alerts_per_week: float) -> None:
        self.alerts_per_week = alerts_per_week
        self.members = 0

    def join(self, members: int = 1) -> None:
        """Count further detectors in."""
        self.members += members

    def leave(self, members: int = 1) -> None:
        """Count detectors out."""
        self.members = max(0, self.members - members)

    @property
    def share(self) -> float:
        """Alerts a week that one detector may raise falsely; four are taken to run even where fewer do."""
        return self.alerts_per_week / max(4, self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One detector's tail on one stream.

    Args:
        tail: Fitted on scores the detector was not fitted on.
        rate_hz: Rows a second.
        power: The tail is fitted to scores to this power.
    """

    tail: Tail
    rate_hz: float
    power: float = 1.0

    def p_values(self, scores: Array) -> Array:
        """Return P(an ordinary row scores at least this much), shape (n,), in (0, 1]."""
        return self.tail.p_values(scores**self.power)

    def level(self, alerts_per_week: float) -> float:
        """Return the score that ordinary clusters pass ``alerts_per_week`` times a week."""
        rows = max(self.rate_hz, 1e-6) * WEEK_S
        clusters = max(4.0, self.tail.clusters * self.tail.ordered.size)
        raw = self.tail.level(alerts_per_week / rows)
        cautious = self.tail.threshold + (raw - self.tail.threshold) * (1 + CAUTION / math.sqrt(clusters))
        return float(max(cautious, 0.0) ** (1 / self.power))

    def false_per_week(self, score: float) -> float:
        """Return how many ordinary clusters a week pass ``score``."""
        above = float(self.p_values(np.array([score]))[0]) / self.tail.fraction
        return min(1.0, above) * self.tail.clusters * self.rate_hz * WEEK_S

    def confidence(self, score: float) -> float:
        """Return the probability that a cluster with this peak is real, given one real event a week, in [0, 0.99]."""
        return min(0.99, TRUE_PER_WEEK / (TRUE_PER_WEEK + self.false_per_week(score)))


def calibrate(scores: Array, rate_hz: float, power: float = 1.0, nominal_scale: float = 0.0) -> Calibration:
    """Fit a tail to held-out scores of ordinary rows.

    Args:
        scores: In order of time, shape (n,), n ≥ 32.
        rate_hz: Rows a second.
        power: Power of the score whose tail is near exponential.
        nominal_scale: Scale of that tail where theory gives one, 0 otherwise.
    """
    tail = fit_tail(scores**power, run=_run(scores), nominal_scale=nominal_scale)
    return Calibration(tail=tail, rate_hz=rate_hz, power=power)


def _run(scores: Array) -> int:
    """Return how many quiet rows part two clusters: as long as ranks of scores stay correlated, at least 5."""
    ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable").astype(np.float64)
    return memory(ranks[:, None])


def memory(values: Array) -> int:
    """Return after how many rows (n, C) the slowest column has forgotten: its autocorrelation is below 0.2 from there on.

    Looks at lags 5, 10, 20, … up to a quarter of the rows, and answers that quarter when even that is too short.
    """
    centred = np.nan_to_num(values - np.nanmean(values, axis=0))
    power = np.maximum((centred**2).sum(axis=0), 1e-300)
    lag = 5
    while lag < values.shape[0] // 4:
        if float(((centred[lag:] * centred[:-lag]).sum(axis=0) / power).max()) < FORGOTTEN:
            return lag
        lag *= 2
    return max(5, int(values.shape[0]) // 4)
