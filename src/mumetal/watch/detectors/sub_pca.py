"""Shape of a window: distance within and from the principal directions of ordinary windows."""

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

DIRECTIONS = 64
RIDGE = 1e-4  # added to each direction's variance, in squared spreads
LEAST_LEFT = 1e-3  # variance per value that is left at least: below it the rest of a window says nothing
PIECE = 1_024


class SubPca(Windowed):
    """Mean T² over the principal directions of windows plus Q, relative to what is left of ordinary windows.

    The window runs over all channels together, so a channel that stops following another one shows as well as a shape
    that no channel had before.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.sub_pca",
        title="Unusual shape of a window",
        reference="Jolliffe 2002, doi:10.1007/b98835; as Sub-PCA in Liu and Paparrizos 2024 (TSB-AD)",
        techniques=("impair.cryostat_sabotage", "evasion.telemetry_replay", "impair.crosstalk_hammering"),
        min_history=96,
    )
    width = 16

    saved = ("_axes", "_values", "_left")

    def learn(self, windows: Array) -> None:
        """Learn the principal directions."""
        flat = windows.reshape(len(windows), -1)
        self._axes: Principal = principal(flat, DIRECTIONS)
        self._values = flat.shape[1]
        self._left = max(self._axes.left, LEAST_LEFT)

    def distance(self, windows: Array) -> Array:
        """Return mean T² plus Q over its ordinary size, shape (n,)."""
        out = np.empty(len(windows))
        k = self._axes.variances.size
        for start in range(0, len(windows), PIECE):
            apart = windows[start : start + PIECE].reshape(-1, self._values) - self._axes.mean
            along = apart @ self._axes.vectors
            square = along**2
            rest = np.maximum(np.einsum("ij,ij->i", apart, apart) - square.sum(axis=1), 0.0)
            t2 = (square / (self._axes.variances + RIDGE)).sum(axis=1) / k
            out[start : start + PIECE] = t2 + rest / (self._left * self._values)
        return out

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Exact Shapley value of each channel's stretch of the window, and its conditional residual.

        The distance is dᵀAd, so the Shapley value is Σ d∘(Ad) over the stretch g of a channel; the conditional residual
        (Ad)_gᵀ (A_gg)⁻¹ (Ad)_g is the drop in distance when the stretch becomes what the other channels make of it,
        and localises better where channels follow one another.
        """
        apart = self.window_of(z, seen).reshape(-1) - self._axes.mean
        vectors, outside = self._axes.vectors, 1 / (self._left * self._values)
        along = 1 / (self._axes.variances + RIDGE) / self._axes.variances.size
        pulled = outside * apart + vectors @ ((along - outside) * (vectors.T @ apart))
        by_channel = pulled.reshape(-1, self.width)
        stretch = vectors.reshape(len(by_channel), self.width, -1)
        block = np.einsum("cik,k,cjk->cij", stretch, along - outside, stretch) + outside * np.eye(self.width)
        residual = np.einsum("ci,ci->c", by_channel, np.linalg.solve(block, by_channel[:, :, None])[:, :, 0])
        shapley = (apart * pulled).reshape(-1, self.width).sum(axis=1)
        found = (
            *self.shares_of(names, residual, "conditional-residual"),
            *self.shares_of(names, shapley, "shapley"),
        )
        return tuple(sorted(found, key=lambda a: -a.share))

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Shift lasting a window that lifts its mean T² past a χ² threshold, noise taken as white."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at the shape of short windows only")
        filled = min(float(self.width), conditions.samples)
        if filled < 1:
            return blind(self.info, technique, "1", "had no sample", "sample at all")
        freedom = float(min(DIRECTIONS, self.width * conditions.channels))
        threshold = chi2_upper(conditions.false_alarm, freedom)
        low, high = 0.0, 10.0 * threshold + 100.0
        for _ in range(80):  # mean k + λ, variance 2(k + 2λ): Sankaran 1959
            middle = (low + high) / 2
            reached = (freedom + middle - threshold) / np.sqrt(2 * (freedom + 2 * middle)) >= -z_upper(conditions.power)
            low, high = (low, middle) if reached else (middle, high)
        smallest = conditions.noise * float(np.sqrt(high / (filled * conditions.channels)))
        bound = shift_bound(conditions)
        return Power(
            technique=technique,
            smallest=max(smallest, bound),
            bound=bound,
            unit="unit of the noise",
            reason=f"a shift over {filled:g} samples along {freedom:g} directions, noise taken as white",
            advice="",
        )
