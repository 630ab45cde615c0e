"""Does it take what it says, within the ranges it says, and give one finite score a row, the same twice?"""

import numpy as np

from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo
from mumetal.trust.models.gates.trial import Trial, outcome
from mumetal.trust.models.report import GateOutcome

OUTSIDE = 0.01
SAME = 1e-4


class Schema:
    """Input schema and ranges.

    In turn: the ordinary held-out rows lie within the ranges of the manifest (up to 1% outside); scores are finite on
    them and on the corners of the ranges; scoring twice gives the same bits; a row alone scores as it does in a batch.
    """

    info = PluginInfo(plugin_id="trust.models.gates.schema", title="Input schema and ranges")

    def judge(self, trial: Trial) -> GateOutcome:
        """Try the four in turn."""
        low = np.array([i.lowest for i in trial.manifest.inputs])
        high = np.array([i.highest for i in trial.manifest.inputs])
        rows = trial.ordinary_rows
        outside = np.mean((rows < low) | (rows > high), axis=0)
        worst = int(np.argmax(outside))
        if outside[worst] > OUTSIDE:
            channel = trial.manifest.inputs[worst].channel
            why = f"{outside[worst]:.1%} of {channel} lies outside the range it was trained on"
            return outcome(self.info, False, why, outside=float(outside[worst]))
        corners = np.vstack([low, high, (low + high) / 2])
        try:
            scores = trial.candidate.score(np.vstack([rows, corners]))
            again = trial.candidate.score(np.vstack([rows, corners]))
            alone = np.concatenate([trial.candidate.score(row[None]) for row in rows[:16]])
        except BadInputError as error:
            return outcome(self.info, False, f"it does not take its own inputs: {error.message}")
        if not np.isfinite(scores).all():
            return outcome(self.info, False, "a score within the stated ranges is not finite")
        if scores.tobytes() != again.tobytes():
            return outcome(self.info, False, "the same rows score differently the second time")
        gap = float(np.max(np.abs(alone - scores[: alone.size]) / (1e-9 + np.abs(alone))))
        if gap > SAME:
            return outcome(self.info, False, f"a row's score depends on its neighbours in the batch (by {gap:.1e})")
        why = f"takes {len(low)} channels within their ranges; scores are finite and repeat bit for bit"
        return outcome(self.info, True, why, outside=float(outside[worst]), batch_gap=gap)
