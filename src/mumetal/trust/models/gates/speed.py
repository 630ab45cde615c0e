"""Is it quick enough?"""

import numpy as np

from mumetal.core.ports import PluginInfo
from mumetal.trust.models.gates.trial import Trial, outcome
from mumetal.trust.models.report import GateOutcome

REPEATS = 51


class Speed:
    """Median time of one row, and rows a second in a batch."""

    info = PluginInfo(plugin_id="trust.models.gates.speed", title="Speed")

    def judge(self, trial: Trial) -> GateOutcome:
        """Time single rows, then the whole batch."""
        row = trial.rows[:1]
        trial.candidate.score(row)
        times = np.empty(REPEATS)
        for index in range(REPEATS):
            began = trial.timer_ns()
            trial.candidate.score(row)
            times[index] = trial.timer_ns() - began
        began = trial.timer_ns()
        trial.candidate.score(trial.rows)
        batch_s = max((trial.timer_ns() - began) / 1e9, 1e-9)
        median = float(np.median(times)) / 1e6
        why = f"{median:.2f} ms a row (at most {trial.bounds.row_ms:g}), {len(trial.rows) / batch_s:.3g} rows/s in a batch"
        passed = median <= trial.bounds.row_ms
        return outcome(self.info, passed, why, row_ms=median, rows_per_s=len(trial.rows) / batch_s)
