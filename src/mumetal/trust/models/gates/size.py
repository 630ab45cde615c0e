"""Is it small enough?"""

from mumetal.core.ports import PluginInfo
from mumetal.trust.models.gates.trial import Trial, outcome
from mumetal.trust.models.report import GateOutcome


class Size:
    """Bytes of the file."""

    info = PluginInfo(plugin_id="trust.models.gates.size", title="Size")

    def judge(self, trial: Trial) -> GateOutcome:
        """Compare with the bound."""
        why = f"{trial.size} bytes, at most {trial.bounds.size}"
        return outcome(self.info, trial.size <= trial.bounds.size, why, bytes=trial.size)
