"""Were its training data led astray? Looks at the data through the eyes of the version that is trusted today."""

import math

import numpy as np

from mumetal.core.ports import PluginInfo
from mumetal.numerics.effective import effective_size
from mumetal.numerics.robust import location_scale
from mumetal.trust.models.gates.trial import Array, Trial, outcome
from mumetal.trust.models.report import GateOutcome

TAILS = (0.05, 0.01, 0.002)


class Poisoning:
    """More training rows in the trusted version's tail than held-out ordinary rows have.

    The thresholds are the trusted version's order statistics on ordinary held-out rows; how many training rows lie beyond
    one is beta-binomial, whatever the scores' distribution, so that the quantile's own error is in the probability. Where
    the trusted rows beyond it come in runs, the sizes shrink to what they are worth; runs of training rows shrink nothing, or
    an attacker would hide poison in one burst.

    Where nothing is active, a robust distance
    (largest |x - median| / MAD over the channels) takes its place: coarse, and the reason says so. Poison that stays below
    every quantile is not seen here; what it does to the model is what the other gates measure.
    """

    info = PluginInfo(
        plugin_id="trust.models.gates.poisoning",
        title="Poisoned training data",
        reference="Cretu et al. 2008, doi:10.1109/SP.2008.11 (sanitising training data by a model of earlier ones)",
    )

    def judge(self, trial: Trial) -> GateOutcome:
        """Count tails."""
        if trial.training is None:
            why = "training data were not shown, or are not named: what was not looked at has not passed"
            return outcome(self.info, False, why)
        if trial.active is not None:
            eyes, known = (
                "the active version",
                (trial.active.score(trial.ordinary_rows), trial.active.score(trial.training)),
            )
        else:
            eyes, known = "a robust distance (nothing is active)", _distances(trial.ordinary_rows, trial.training)
        reference, scores = known
        p, at, share = 1.0, TAILS[0], 0.0
        ordered = np.sort(reference)[::-1]
        for tail in TAILS:
            beyond = int(tail * reference.size)
            if beyond < 4:
                continue
            above = scores > ordered[beyond]
            trusted = (reference > ordered[beyond]).astype(np.float64)
            shrink = min(1.0, effective_size(trusted) / trusted.size)
            found = exceedance(reference.size, beyond + 1, scores.size, int(np.count_nonzero(above) * shrink), shrink)
            if found <= p:
                p, at, share = found, tail, float(above.mean())
        p = min(1.0, len(TAILS) * p)
        why = (
            f"{share:.2%} of {scores.size} training rows lie where {eyes} puts {at:.1%} of ordinary ones (p = {p:.1e})"
        )
        passed = p >= trial.bounds.poison_p
        return outcome(self.info, passed, why, tail=at, share=share, p=p)


def exceedance(n: int, k: int, m: int, x: int, shrink: float = 1.0) -> float:
    """Return the probability that at least ``x`` of ``m`` new samples exceed the k-th largest of ``n``.

    Beta-binomial, free of the distribution (Wilks 1942, doi:10.1214/aoms/1177731537, on order statistics). ``shrink`` in
    (0, 1] scales n, k and m to effective sizes; ``x`` is given scaled.
    """
    n, k, m = max(2, round(n * shrink)), max(1, round(k * shrink)), max(1, round(m * shrink))
    if x <= 0:
        return 1.0
    if x > m:
        return 0.0
    a, b = k, n - k + 1
    j = np.arange(m)
    ratio = np.log(m - j) - np.log(j + 1) + np.log(a + j) - np.log(b + m - j - 1)
    start = math.lgamma(b + m) - math.lgamma(a + b + m) - math.lgamma(b) + math.lgamma(a + b)
    log_pmf = start + np.r_[0.0, np.cumsum(ratio)]
    return float(min(1.0, np.exp(log_pmf[x:]).sum()))


def _distances(ordinary: Array, training: Array) -> tuple[Array, Array]:
    location, scale = location_scale(ordinary)
    return np.max(np.abs(ordinary - location) / scale, axis=1), np.max(np.abs(training - location) / scale, axis=1)
