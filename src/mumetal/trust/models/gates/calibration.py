"""Does a threshold that was set on one half of the ordinary data hold on the other?"""

import math

import numpy as np

from mumetal.core.ports import PluginInfo
from mumetal.numerics.effective import effective_size
from mumetal.trust.models.gates.trial import Trial, outcome, threshold
from mumetal.trust.models.report import GateOutcome

SIGMAS = 3.29  # two-sided 1 in 1,000


class Calibration:
    """False alarms asked for against false alarms had, over time.

    The first half of the ordinary rows sets the threshold, the second half tests it. The interval counts rows as
    independent up to their lag-1 correlation (effective size n (1 - r) / (1 + r); Bayley and Hammersley 1946).
    """

    info = PluginInfo(
        plugin_id="trust.models.gates.calibration",
        title="False alarms as asked for",
        reference="Bayley and Hammersley 1946, doi:10.2307/2983560",
    )

    def judge(self, trial: Trial) -> GateOutcome:
        """Set on the first half, test on the second."""
        rows = trial.ordinary_rows
        first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        asked = trial.bounds.false_alarm
        limit = threshold(trial.candidate, first, asked)
        scores = trial.candidate.score(second)
        if not np.isfinite(scores).all():
            return outcome(self.info, False, "it gives scores that are not finite")
        had = float(np.mean(scores > limit))
        size = effective_size((scores > limit).astype(np.float64))
        allowed = asked + SIGMAS * math.sqrt(asked * (1 - asked) * (2 / size))
        why = (
            f"{had:.1%} false alarms where {asked:.0%} were asked for; up to {allowed:.1%} is chance ({size:.0f} rows)"
        )
        return outcome(self.info, had <= allowed, why, false_alarm=had, asked=asked, allowed=allowed)
