"""Static limits per channel, learnt robustly."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array, Standardised, shares


class Limits(Standardised):
    """Largest distance from the median, in robust standard deviations, of any channel."""

    info = PluginInfo(
        plugin_id="watch.detectors.limits",
        title="Static limits",
        reference="Hampel 1974, doi:10.2307/2285666 (median and MAD)",
        techniques=("impair.cryostat_sabotage", "impair.crosstalk_hammering"),
        min_history=32,
        family="level",
    )
    joint = True
    measures = True

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Nothing beyond the scale is learnt."""

    def reset(self) -> None:
        """Holds no state."""

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations."""
        del seen
        return np.asarray(np.maximum(z.max(axis=1), -z.min(axis=1)), np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each channel's distance in the last row."""
        del seen
        return shares(names, z[-1] ** 2, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """A step must pass the threshold in one sample; the best test would have averaged all samples."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at the size of single samples only")
        threshold = z_upper(conditions.false_alarm / (2 * conditions.channels))
        smallest = (threshold - z_upper(conditions.power)) * conditions.noise if conditions.samples >= 1 else np.inf
        return Power(
            technique=technique,
            smallest=float(smallest),
            bound=shift_bound(conditions),
            unit="unit of the noise",
            reason=f"one sample must pass {threshold:.2f} standard deviations on one of {conditions.channels} channels",
            advice="watch longer averages as well" if conditions.samples > 4 else "",
        )
