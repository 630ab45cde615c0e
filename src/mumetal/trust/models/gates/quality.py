"""Does it tell anomalous from ordinary, and no worse than the version it would replace?"""

import numpy as np

from mumetal.core.ports import PluginInfo
from mumetal.numerics.ranking import auc
from mumetal.trust.models.gates.trial import Array, Trial, outcome
from mumetal.trust.models.report import GateOutcome

RESAMPLES = 200
BLOCKS = 40


class Quality:
    """AUC on held-out data against the active version, by paired block bootstrap.

    Refused when the loss measured is above the bound; its 95% interval is in the figures, so that a reader sees how
    much the held-out data could tell.
    """

    info = PluginInfo(
        plugin_id="trust.models.gates.quality",
        title="Quality against the active version",
        reference="Künsch 1989, doi:10.1214/aos/1176347265 (block bootstrap)",
    )

    def judge(self, trial: Trial) -> GateOutcome:
        """Compare on the same rows."""
        mine = trial.candidate.score(trial.rows)
        if not np.isfinite(mine).all():
            return outcome(self.info, False, "it gives scores that are not finite")
        reached = auc(mine[~trial.anomalous], mine[trial.anomalous])
        if reached < trial.bounds.auc:
            why = f"AUC {reached:.3f} on held-out data, below {trial.bounds.auc:.2f}"
            return outcome(self.info, False, why, auc=reached)
        if trial.active is None:
            return outcome(self.info, True, f"AUC {reached:.3f}; nothing is active to compare with", auc=reached)
        theirs = trial.active.score(trial.rows)
        before = auc(theirs[~trial.anomalous], theirs[trial.anomalous])
        low, high = self._interval(trial, mine, theirs)
        lost = before - reached
        passed = lost <= trial.bounds.auc_loss
        why = f"AUC {reached:.3f} against {before:.3f}: change {-lost:+.3f} (95% {low:+.3f} to {high:+.3f})"
        return outcome(self.info, passed, why, auc=reached, active_auc=before, change_low=low, change_high=high)

    @staticmethod
    def _interval(trial: Trial, mine: Array, theirs: Array) -> tuple[float, float]:
        """Return the 95% interval of the change, resampling blocks of each group so that neighbours stay together."""
        groups = [np.array_split(np.flatnonzero(mask), BLOCKS) for mask in (~trial.anomalous, trial.anomalous)]
        changes = np.empty(RESAMPLES)
        for index in range(RESAMPLES):
            chosen = [
                np.concatenate([blocks[i] for i in trial.rng.integers(0, len(blocks), len(blocks))])
                for blocks in ([b for b in group if b.size] for group in groups)
            ]
            changes[index] = auc(mine[chosen[0]], mine[chosen[1]]) - auc(theirs[chosen[0]], theirs[chosen[1]])
        low, high = np.quantile(changes, [0.025, 0.975])
        return float(low), float(high)
