"""A window unlike any that was seen: distance to the nearest windows of a coreset."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import chi2_upper, z_upper
from mumetal.numerics.principal import Principal, principal
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array
from mumetal.watch.detectors.windowed import Windowed

CORESET = 512
DIRECTIONS = 32
NEIGHBOURS = 3
PIECE = 512
BOUND = 5.0  # spreads: what a value beyond it is worth no more, for one wild value must not set all distances


class Nearest(Windowed):
    """Root mean square distance to the nearest ordinary windows, beside what lies outside their common directions.

    The coreset is chosen by farthest-first traversal (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5), so that rare
    modes are in it as surely as common ones. A window may be ordinary in any of several modes, where one ellipsoid
    around all of them would hold much that never was.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.nearest",
        title="Unlike any window seen before",
        reference="Ramaswamy, Rastogi and Shim 2000, doi:10.1145/342009.335437; coreset: Sener and Savarese 2018, arXiv:1708.00489",
        techniques=("impair.cryostat_sabotage", "evasion.telemetry_replay", "impair.config_edit"),
        min_history=96,
    )
    width = 16

    saved = ("_axes", "_values", "_coreset", "_squares")

    def learn(self, windows: Array) -> None:
        """Choose the coreset, in the windows' principal directions."""
        flat = self._flat(windows)
        self._values = flat.shape[1]
        self._axes: Principal = principal(flat, DIRECTIONS)
        along = (flat - self._axes.mean) @ self._axes.vectors
        self._coreset = along[farthest_first(along, CORESET)]
        self._squares = np.einsum("ij,ij->i", self._coreset, self._coreset)

    def _flat(self, windows: Array) -> Array:
        return np.clip(windows.reshape(len(windows), -1), -BOUND, BOUND)

    def distance(self, windows: Array) -> Array:
        """Return root mean square distances, shape (n,), in spreads."""
        out = np.empty(len(windows))
        take = min(NEIGHBOURS, len(self._coreset))
        for start in range(0, len(windows), PIECE):
            apart = self._flat(windows[start : start + PIECE]) - self._axes.mean
            along = apart @ self._axes.vectors
            length = np.einsum("ij,ij->i", along, along)
            outside = np.maximum(np.einsum("ij,ij->i", apart, apart) - length, 0.0)
            inside = length[:, None] - 2 * (along @ self._coreset.T) + self._squares
            nearest = np.partition(inside, take - 1, axis=1)[:, :take].mean(axis=1)
            out[start : start + PIECE] = np.sqrt((np.maximum(nearest, 0.0) + outside) / self._values)
        return out

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square distance of each channel's stretch from the nearest window of the coreset."""
        apart = self._flat(self.window_of(z, seen))[0] - self._axes.mean
        along = apart @ self._axes.vectors
        nearest = self._coreset[int(((self._coreset - along) ** 2).sum(axis=1).argmin())]
        left = apart - self._axes.vectors @ nearest
        return self.shares_of(names, (left**2).reshape(-1, self.width).sum(axis=1), "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Shift lasting a window whose distance passes that of two ordinary windows of white noise."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at the distance of short windows only")
        filled = min(float(self.width), conditions.samples)
        if filled < 1:
            return blind(self.info, technique, "1", "had no sample", "sample at all")
        freedom = float(self.width * conditions.channels)
        # Two ordinary windows lie 2·χ² apart; the shift must lift the mean past that threshold with its own scatter.
        threshold = 2 * (chi2_upper(conditions.false_alarm, freedom) - freedom)
        excess = threshold - z_upper(conditions.power) * 2 * np.sqrt(2 * freedom)
        smallest = conditions.noise * float(np.sqrt(max(excess, 0.0) / (filled * conditions.channels)))
        bound = shift_bound(conditions)
        return Power(
            technique=technique,
            smallest=max(smallest, bound),
            bound=bound,
            unit="unit of the noise",
            reason=f"a shift over {filled:g} samples against the scatter of {freedom:g} values, noise taken as white",
            advice="",
        )


def farthest_first(points: Array, most: int) -> NDArray[np.int64]:
    """Choose rows that cover the others: start nearest the mean, then always the one farthest from those chosen.

    Args:
        points: Shape (n, k), n ≥ 1.
        most: How many at most, ≥ 1.

    Returns:
        Indices of distinct rows, in order of choice, shape (min(n, most),); fewer where rows repeat.
    """
    square = np.einsum("ij,ij->i", points, points)
    first = int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin())
    chosen, gap = [first], np.full(len(points), np.inf)
    while len(chosen) < min(most, len(points)):
        last = chosen[-1]
        gap = np.minimum(gap, square - 2 * (points @ points[last]) + square[last])
        following = int(gap.argmax())
        if gap[following] <= 1e-9 * max(float(square[following]), 1.0):
            break
        chosen.append(following)
    return np.array(chosen, np.int64)
