"""How much of what it catches does it still catch when somebody tries to get past it?"""

import math

import numpy as np

from mumetal.core.ports import PluginInfo
from mumetal.trust.models.gates import attacks
from mumetal.trust.models.gates.trial import Array, Scorer, Trial, outcome, threshold
from mumetal.trust.models.report import GateOutcome

WORSE = 0.1
MOST = 400


class Adversarial:
    """Detection under five attacks, against the active version's.

    Refused when, under any attack, it catches less than the active version by more than 0.1 and by more than chance; or,
    where nothing is active, when evasion leaves less than half of what it caught. A detection rate at the false-alarm
    rate means *blind*: replay of ordinary rows is that for every scorer of single rows, and the figures say so.
    """

    info = PluginInfo(
        plugin_id="trust.models.gates.adversarial",
        title="Evasion, slow ramp, replay, freeze and mimicry",
        reference="Guo et al. 2019, arXiv:1905.07121; Biggio and Roli 2018, doi:10.1016/j.patcog.2018.07.023",
    )

    def judge(self, trial: Trial) -> GateOutcome:
        """Attack the candidate, and the active version alike, each with its own evasion."""
        seed = int(trial.rng.integers(2**32))  # both meet the very same attacks
        mine = self._rates(trial, trial.candidate, np.random.default_rng(seed))
        figures = {f"caught_{name}": rate for name, (rate, _) in mine.items()}
        plain, evaded = mine["plain"][0], mine["evasion"][0]
        if trial.active is None:
            kept = evaded / plain if plain > 0 else 0.0
            why = f"{plain:.0%} caught, {evaded:.0%} under evasion; nothing is active to compare with"
            return outcome(self.info, kept >= trial.bounds.evasion, why, kept=kept, **figures)
        theirs = self._rates(trial, trial.active, np.random.default_rng(seed))
        worse = [
            f"{name}: {mine[name][0]:.0%} against {rate:.0%}"
            for name, (rate, n) in theirs.items()
            if rate - mine[name][0] > WORSE + 2 * math.sqrt(0.25 * 2 / n)
        ]
        figures |= {f"active_{name}": rate for name, (rate, _) in theirs.items()}
        why = "catches less than the active version under " + "; ".join(worse) if worse else (
            f"{plain:.0%} caught, {evaded:.0%} under evasion; under no attack worse than the active version"
        )  # fmt: skip
        return outcome(self.info, not worse, why, **figures)

    @staticmethod
    def _rates(trial: Trial, scorer: Scorer, rng: np.random.Generator) -> dict[str, tuple[float, int]]:
        """Return what is caught under each attack, and of how many rows."""
        low = np.array([i.lowest for i in trial.manifest.inputs])
        high = np.array([i.highest for i in trial.manifest.inputs])
        ordinary, anomalous = trial.ordinary_rows, trial.anomalous_rows[:MOST]
        half = ordinary[len(ordinary) // 2 :][:MOST]
        limit = threshold(scorer, ordinary, trial.bounds.false_alarm)
        tried: dict[str, Array] = {
            "plain": anomalous,
            "evasion": attacks.evasion(scorer, anomalous, low, high, rng),
            "slow_ramp": attacks.slow_ramp(half, low, high, rng),
            "replay": attacks.replay(half),
            "freeze": attacks.freeze(half, rng),
            "mimicry": attacks.mimicry(anomalous, ordinary, rng),
        }
        return {name: (float(np.mean(scorer.score(rows) > limit)), len(rows)) for name, rows in tried.items()}
