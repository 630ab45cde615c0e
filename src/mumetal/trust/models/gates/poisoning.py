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

    The thresholds are the trusted version's quantiles on ordinary held-out rows; the count of training rows beyond each is
    held against a binomial whose rate carries the quantile's own error, both with their effective sizes. Where nothing is active, a robust distance
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
            why = "training data were not shown: only what poison does to held-out quality was tried (other gates)"
            return outcome(self.info, True, why)
        if trial.active is not None:
            eyes, known = (
                "the active version",
                (trial.active.score(trial.ordinary_rows), trial.active.score(trial.training)),
            )
        else:
            eyes, known = "a robust distance (nothing is active)", _distances(trial.ordinary_rows, trial.training)
        reference, scores = known
        worst, at, share = -math.inf, TAILS[0], 0.0
        for tail in TAILS:
            if tail * reference.size < 4:
                continue
            limit = np.quantile(reference, 1 - tail, method="higher")
            beyond = (scores > limit).astype(np.float64)
            rate = float(beyond.mean())
            sizes = effective_size(beyond), effective_size((reference > limit).astype(np.float64))
            spread = math.sqrt(tail * (1 - tail) * (1 / sizes[0] + 1 / sizes[1]))
            if (rate - tail) / spread > worst:
                worst, at, share = (rate - tail) / spread, tail, rate
        p = min(1.0, len(TAILS) * 0.5 * math.erfc(worst / math.sqrt(2)))
        why = (
            f"{share:.2%} of {scores.size} training rows lie where {eyes} puts {at:.1%} of ordinary ones (p = {p:.1e})"
        )
        passed = p >= trial.bounds.poison_p
        return outcome(self.info, passed, why, tail=at, share=share, p=p, sigmas=worst)


def _distances(ordinary: Array, training: Array) -> tuple[Array, Array]:
    location, scale = location_scale(ordinary)
    return np.max(np.abs(ordinary - location) / scale, axis=1), np.max(np.abs(training - location) / scale, axis=1)
