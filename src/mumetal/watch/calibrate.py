"""From scores to how often ordinary data would give them: thresholds without labels, from an alert budget."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mumetal.numerics.tails import Tail, fit_tail, pareto_survival

Array = NDArray[np.float64]
WEEK_S = 604_800.0
STRENGTHS = 100.0  # largest over smallest score that real trouble is taken to have
PRIOR = 20.0  # exceedances that the prior of a tail counts for
LEAST = 256  # held-out rows from which a regime has its own tail
FORGOTTEN = 0.2  # autocorrelation below which rows count as independent
MOST_TOGETHER = 16  # shares up to which a stream is suspected at all
CAUTION = 1.0  # standard errors of the tail's scale that a threshold stays clear of
BEYOND = (
    0.25  # inverse exponent of the power law by which rates fall beyond the largest score; chosen on the public sets
)
LONE = 2.0  # times the second largest cluster that the largest counts for at most: one wild row must not blind
TELLING = 17.0  # clusters from which a fitted tail is believed at all: white noise has so many in 600 rows, what wanders a handful
RELIABLE = 200.0  # clusters from which a fitted tail can be carried beyond the largest of them
SLOW_HZ = 0.5  # rows a second up to which a day's course is slow beside the rows, …
DAY_WEEKS = 1 / 7  # … so that a shorter history does not know it, …
YOUNG = 2.0  # … and thresholds are so much higher until then; chosen on one real refrigerator
PROMISED = 0.05  # times in a history's length that a threshold may be passed, from which on the history bears it out


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One detector's tail on one stream.

    Args:
        tail: Fitted on scores the detector was not fitted on.
        rate_hz: Rows a second.
        power: The tail is fitted to scores to this power.
        largest: Score of the largest cluster of the history, at most ``LONE`` times the second; 0 where none is above 0.
        nominal_scale: Scale of the tail where theory gives one, 0 otherwise.
        farthest: Times the largest score that a threshold is at most, further nothing being known: then rates beyond that
            score are taken to fall by a power of it. 0 where the fitted tail alone is believed.
    """

    tail: Tail
    rate_hz: float
    power: float = 1.0
    largest: float = 0.0
    nominal_scale: float = 0.0
    farthest: float = 0.0

    @property
    def weeks(self) -> float:
        """How long the scores are that the tail was fitted to, weeks; > 0."""
        return self.tail.ordered.size / (max(self.rate_hz, 1e-6) * WEEK_S)

    @property
    def clusters(self) -> float:
        """How many clusters of large scores the tail was fitted to."""
        return self.tail.clusters * self.tail.ordered.size

    @property
    def reliable(self) -> bool:
        """Whether the fitted tail can be carried beyond the largest score of the history."""
        return self.clusters >= RELIABLE

    @property
    def young(self) -> bool:
        """Whether the history of a slow stream is shorter than a day, whose course it cannot know."""
        return self.rate_hz <= SLOW_HZ and self.weeks < DAY_WEEKS

    @property
    def promises(self) -> float:
        """The fewest false alerts a week that the history bears out, 1/week: fewer are extrapolated."""
        return PROMISED / self.weeks

    def p_values(self, scores: Array) -> Array:
        """Return P(an ordinary row scores at least this much), shape (n,), in (0, 1]."""
        return self.tail.p_values(scores**self.power)

    def level(self, alerts_per_week: float) -> float:
        """Return the score that ordinary clusters pass ``alerts_per_week`` times a week.

        Where the history holds so few that this is beyond its largest score, the tail of a bounded detector is: rates beyond
        the largest score fall by a power of it (Pareto), and no threshold is further than ``farthest`` times that score. A
        fitted tail of few clusters asks for far higher scores than ever come, and blinds; or, where data wander, for far
        too low ones. So another detector whose tail bears no such threshold out alerts nobody: it is infinite. Nor does it
        where a slow stream's history is shorter than a day; then bounded detectors stand ``YOUNG`` times as far.
        """
        expected = alerts_per_week * self.weeks
        fitted = self.fitted_level(alerts_per_week)
        if expected >= 1 or self.largest <= 0:
            return fitted
        if self.nominal_scale > 0 and self.tail.clusters == 1.0:  # by theory alone: the history can only add to it
            own = self.largest**self.power + self.nominal_scale * math.log(1 / expected)
            return float(max(fitted, own ** (1 / self.power)))
        if self.farthest <= 0:
            telling = self.clusters >= TELLING and not self.young
            return fitted if self.nominal_scale > 0 or telling else math.inf
        if self.young:
            return YOUNG * self.farthest * self.largest
        beyond = self.largest * min(float(expected**-BEYOND), self.farthest)
        return max(min(fitted, beyond), self.largest) if self.reliable else beyond

    def fitted_level(self, alerts_per_week: float) -> float:
        """Return the same by the fitted tail alone, a standard error of its scale away."""
        rows = max(self.rate_hz, 1e-6) * WEEK_S
        clusters = max(4.0, self.clusters)
        raw = self.tail.level(alerts_per_week / rows)
        cautious = self.tail.threshold + (raw - self.tail.threshold) * (1 + CAUTION / math.sqrt(clusters))
        return float(max(cautious, 0.0) ** (1 / self.power))

    def _beyond(self, score: float) -> float:
        """Return how often a week the power law beyond the history's largest score passes ``score``."""
        return float(max(score / self.largest, 1.0) ** (-1 / BEYOND)) / self.weeks

    def false_per_week(self, score: float) -> float:
        """Return how many ordinary clusters a week pass ``score``."""
        above = float(self.p_values(np.array([score]))[0]) / self.tail.fraction
        fitted = min(1.0, above) * self.tail.clusters * self.rate_hz * WEEK_S
        if self.largest <= 0 or self.farthest <= 0:
            return fitted
        if score < self.largest:
            return max(fitted, 1 / self.weeks)
        beyond = self._beyond(score)
        return min(fitted, beyond) if self.reliable else beyond

    def confidence(self, score: float, true_per_week: float) -> float:
        """Return the probability that a cluster with this peak is real, in [0, 0.99].

        The odds are those of rates of peaks *at* this score, not beyond it: real trouble reaches scores evenly on a log
        scale over a factor ``STRENGTHS``, ordinary data as their tail says, whose scale is known from so many clusters
        only (the predictive tail of an exponential is a Lomax).

        Args:
            score: Peak of the cluster.
            true_per_week: Real events a week on one stream, beforehand.
        """
        tail = self.tail
        beyond = max(score**self.power - tail.threshold, 0.0)
        shape = tail.shape + 1 / (PRIOR + tail.clusters * tail.ordered.size)
        passed = float(pareto_survival(np.array([beyond]), shape, tail.scale)[0])
        per_log = self.power * (beyond + max(tail.threshold, 0.0)) / (tail.scale + shape * beyond)
        ordinary = tail.clusters * self.rate_hz * WEEK_S * passed * per_log
        if self.farthest > 0 and score >= self.largest > 0:
            ordinary = min(ordinary, self._beyond(score) / BEYOND)
        odds = math.log(true_per_week / math.log(STRENGTHS)) - math.log(max(ordinary, 1e-300))
        return min(0.99, 1 / (1 + math.exp(-max(-50.0, min(50.0, odds)))))


def calibrate(
    scores: Array,
    rate_hz: float,
    power: float = 1.0,
    nominal_scale: float = 0.0,
    *,
    farthest: float = 0.0,
    surprise: bool = False,
) -> Calibration:
    """Fit a tail to held-out scores of ordinary rows.

    Args:
        scores: In order of time, shape (n,), n ≥ 32.
        rate_hz: Rows a second.
        power: Power of the score whose tail is near exponential.
        nominal_scale: Scale of that tail where theory gives one, 0 otherwise.
        farthest: See :class:`Calibration`.
        surprise: Whether theory alone says how often a row passes a score.
    """
    run = _run(scores)
    tail = fit_tail(scores**power, run=run, nominal_scale=nominal_scale)
    if surprise:
        tail = replace(tail, threshold=0.0, fraction=1.0, clusters=1.0, shape=0.0, scale=nominal_scale)
    return Calibration(
        tail=tail,
        rate_hz=rate_hz,
        power=power,
        largest=_largest(scores, run),
        nominal_scale=nominal_scale,
        farthest=farthest,
    )


def _largest(scores: Array, run: int) -> float:
    """Return the score of the largest cluster, at most ``LONE`` times that of the second largest."""
    first = int(scores.argmax())
    others = np.concatenate([scores[: max(0, first - run)], scores[first + run + 1 :]])
    second = float(others.max()) if others.size else 0.0
    return min(float(scores[first]), LONE * second) if second > 0 else float(scores[first])


def calibrate_each(
    scores: Array,
    labels: NDArray[np.int64],
    regimes: int,
    rate_hz: float,
    power: float = 1.0,
    nominal_scale: float = 0.0,
    *,
    farthest: float = 0.0,
    surprise: bool = False,
) -> tuple[Calibration, ...]:
    """Fit a tail per operating regime, and one to all rows, which comes last and stands for regimes hardly known.

    Args:
        scores: Held-out scores of ordinary rows in order of time, shape (n,).
        labels: Their regimes, shape (n,), from :meth:`mumetal.watch.regimes.Regimes.labels`.
        regimes: How many there are.
        rate_hz: Rows a second.
        power: See :func:`calibrate`.
        nominal_scale: See :func:`calibrate`.
        farthest: See :class:`Calibration`.
        surprise: See :func:`calibrate`.
    """
    whole = calibrate(scores, rate_hz, power, nominal_scale, farthest=farthest, surprise=surprise)
    if regimes == 1:
        return (whole, whole)
    parts = [scores[labels == label] for label in range(regimes)]
    return (
        *(
            calibrate(p, rate_hz, power, nominal_scale, farthest=farthest, surprise=surprise)
            if p.size >= LEAST
            else whole
            for p in parts
        ),
        whole,
    )


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
