"""A detector that comes in the same wheel: how far the tally of a stream stands from its median."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power


class TallyDistance:
    """Watches streams called ``tally``."""

    info = PluginInfo(
        plugin_id="tally.distance",
        title="Distance from the median",
        min_history=16,
        family="tally",
        words=Words(title="{channel} of {device} miscounts", severity=Severity.HIGH, remedy="Count again."),
    )

    def watches(self, history: Series) -> bool:
        """Say yes to a stream of the name."""
        return history.stream == "tally"

    def fit(self, history: Series) -> None:
        """Learn the median."""
        self._centre = np.nanmedian(history.values, axis=0)

    def _far(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.nan_to_num(np.abs(rows - self._centre))

    def score(self, chunk: Series) -> NDArray[np.float64]:
        """Score each row by its farthest channel."""
        far: NDArray[np.float64] = self._far(chunk.values).max(axis=1)
        return far

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        """Name the farthest channel."""
        far = self._far(window.values[-1])
        return (Attribution(channel=window.names[int(far.argmax())], share=1.0, method="own-score"),)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say that it is blind."""
        del conditions
        return Power(technique=technique, smallest=float("inf"), bound=float("nan"), unit="1", reason="blind")
