"""T² in the channels' common directions and Q in what they leave, on a shrinkage covariance."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.covariance import ledoit_wolf
from mumetal.numerics.normal import chi2_upper, z_upper
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array, Standardised, shares

EXPLAINED = 0.9  # share of variance that the common directions carry
MOST_DIRECTIONS = 24
WINSOR = 6.0  # wild rows of the history must not shape the covariance


class Mahalanobis(Standardised):
    """Joint distance of a row: both statistics brought to a normal scale, the larger one counts.

    T² and Q: Jackson and Mudholkar 1979, doi:10.1080/00401706.1979.10489779. Q's law is Box's scaled χ² (1954,
    doi:10.1214/aoms/1177728786); both are made normal by the cube root of Wilson and Hilferty (1931).
    """

    info = PluginInfo(
        plugin_id="watch.detectors.mahalanobis",
        title="Unusual combination of channels",
        reference="Jackson and Mudholkar 1979, doi:10.1080/00401706.1979.10489779; Ledoit and Wolf 2004",
        techniques=("impair.cryostat_sabotage", "impair.crosstalk_hammering", "impair.config_edit"),
        min_history=64,
        family="level",
    )
    joint = True
    measures = True

    saved = (
        "_centre",
        "_k",
        "_axes",
        "_white",
        "_precision",
        "_q_scale",
        "_q_freedom",
        "_both",
        "_shift",
        "_weights",
        "_centre_square",
    )

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn the covariance, its common directions and what is left."""
        bounded = np.clip(z, -WINSOR, WINSOR)
        channels = z.shape[1]
        if channels == 1:
            covariance = np.array([[max(float(bounded.var()), 1e-3)]])
        else:
            covariance, _ = ledoit_wolf(bounded)
            covariance = covariance + 1e-4 * np.eye(channels)
        if seen is not None:  # not observed stands at the centre and shrinks the variance: undo it
            rate = np.sqrt(np.maximum(seen.mean(axis=0), 0.05))
            inner = covariance / np.outer(rate, rate)
            np.fill_diagonal(inner, np.maximum(np.diag(inner), 0.05))
            values, vectors = np.linalg.eigh(inner)
            covariance = (vectors * np.maximum(values, 1e-3)) @ vectors.T
        self._centre = bounded.mean(axis=0)
        values, vectors = np.linalg.eigh(covariance)
        values, vectors = values[::-1], vectors[:, ::-1]
        enough = int(np.searchsorted(np.cumsum(values) / values.sum(), EXPLAINED)) + 1
        self._k = max(1, min(enough, MOST_DIRECTIONS, channels - 1 if channels > 1 else 1))
        self._axes = np.ascontiguousarray(vectors[:, : self._k])
        self._white = self._axes / np.sqrt(values[: self._k])
        self._precision = (vectors / values) @ vectors.T
        rest = values[self._k :]
        first, second = float(rest.sum()), float((rest**2).sum())
        self._q_scale, self._q_freedom = (second / first, first**2 / second) if first > 0 else (1.0, 0.0)
        # One product gives the common directions and, in its last column, what completes the square of the distance.
        self._both = np.ascontiguousarray(np.concatenate([self._axes, self._centre[:, None]], axis=1))
        self._shift = self._centre @ self._axes
        self._weights = np.column_stack([1 / values[: self._k], np.ones(self._k)])
        self._centre_square = float(self._centre @ self._centre)

    def reset(self) -> None:
        """Holds no state."""

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), on a normal scale, at least 0."""
        del seen  # what was not observed stands at the centre and adds nothing
        projected = z @ self._both
        common = projected[:, : self._k] - self._shift
        np.square(common, out=common)
        sums = common @ self._weights
        score = _normal(sums[:, 0], float(self._k))
        if self._q_freedom > 0:
            length = np.einsum("ij,ij->i", z, z) - 2 * projected[:, self._k] + self._centre_square
            q = np.maximum(length - sums[:, 1], 0.0)
            score = np.maximum(score, _normal(q / self._q_scale, self._q_freedom))
        return np.maximum(score, 0.0)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Exact Shapley values of the statistic that dominates, and the conditional residual of each channel.

        For a quadratic score dᵀAd the Shapley value of channel i, absent meaning d_i = 0, is d_i (Ad)_i: every pair's
        interaction 2·A_ij·d_i·d_j is shared equally. The conditional residual is (Pd)_i² / P_ii, the drop in distance
        when channel i is replaced by its expectation given the others.
        """
        d = z[-1] - self._centre
        if seen is not None:
            d = np.where(seen[-1], d, 0.0)
        common = self._white.T @ d
        left = d - self._axes @ (self._axes.T @ d)
        t2 = _normal(np.array([common @ common]), float(self._k))[0]
        q = _normal(np.array([left @ left]) / self._q_scale, self._q_freedom)[0] if self._q_freedom > 0 else -np.inf
        shapley = d * (self._white @ common) if t2 >= q else d * left
        pulled = self._precision @ d
        residual = pulled**2 / np.diag(self._precision)
        if seen is not None:
            residual = np.where(seen[-1], residual, 0.0)
        found = (*shares(names, residual, "conditional-residual"), *shares(names, shapley, "shapley"))
        return tuple(sorted(found, key=lambda a: -a.share))

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Non-centrality that passes the χ² threshold of one row, by the normal approximation of Sankaran (1959)."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at the joint size of single rows only")
        k = float(conditions.channels)
        threshold = chi2_upper(conditions.false_alarm, k)
        z_power = -z_upper(conditions.power)
        low, high = 0.0, 10.0 * threshold + 100.0
        for _ in range(80):  # mean k + λ, variance 2(k + 2λ)
            middle = (low + high) / 2
            reached = (k + middle - threshold) / np.sqrt(2 * (k + 2 * middle)) >= z_power
            low, high = (low, middle) if reached else (middle, high)
        smallest = conditions.noise * float(np.sqrt(high / k)) if conditions.samples >= 1 else np.inf
        return Power(
            technique=technique,
            smallest=smallest,
            bound=shift_bound(conditions),
            unit="unit of the noise",
            reason=f"one row of {conditions.channels} channels must pass {threshold:.1f}, noise taken as independent",
            advice="average over time to use all samples" if conditions.samples > 4 else "",
        )


def _normal(statistic: Array, freedom: float) -> Array:
    h = 2 / (9 * freedom)
    return np.asarray((np.cbrt(statistic / freedom) - (1 - h)) / np.sqrt(h), np.float64)
