"""Canaries that fail more often than they did, together: counts summed over windows that grow by √2."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import chi2_upper, z_upper
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array, Scale, Standardised, shares

CANARY = re.compile(r".*canary.*error.*", re.IGNORECASE)
LONGEST = 4_096  # rows
CLIP = 6.0  # standard deviations
LIGHT = 2.0  # excess kurtosis of rows up to which means over windows are taken to be normal
NOMINAL = 3.0  # 2 for normal means; half as much again for wander, of which the history shows few stretches
WINDOWS = 20  # of the longest span that the history must hold


def canary_channels(names: tuple[str, ...]) -> list[int]:
    """Return the columns of canaries' error rates."""
    return [i for i, name in enumerate(names) if CANARY.fullmatch(name)]


class CanaryRise(Standardised):
    """Share of failed canaries against the history's, by the score test of a proportion (Rao 1948), all canaries together.

    What hits many canaries is seen before any of them shows it alone: a window's score is the length of the vector of rises,
    falls left out (the likelihood ratio of a mean that cannot be negative, Kudo 1963, where canaries are independent).

    The mean and its variance are used, not median and spread: canaries of few shots mostly do not fail at all, and their
    median is then 0 whatever happens. Rows that remember one another make a window's mean spread wider than independent
    ones would; how much is learnt for each window.
    """

    info = PluginInfo(
        plugin_id="watch.covert.canary_rise",
        title="Canaries fail more often",
        reference="Rao 1948, doi:10.1017/S0305004100023987 (score test); Kudo 1963, doi:10.1093/biomet/50.3-4.403 (one-sided, joint)",
        techniques=("impair.crosstalk_hammering", "impair.config_edit"),
        min_history=64,
    )

    accumulates = True
    _spans: tuple[int, ...] = ()

    def fit(self, history: Series) -> None:
        """Learn the ordinary share of failures.

        Raises:
            BadInputError: No canary, or too few rows.
        """
        self._choose(history)
        super().fit(history)

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Learn with a scale that is known already."""
        self._choose(history)
        super().fit_scaled(scale, history)

    def _choose(self, history: Series) -> None:
        self._columns = canary_channels(history.names)
        if not self._columns:
            raise BadInputError(
                "no canary's error rate", where=f"{history.device}/{history.stream}", hint="name it q0.canary_error"
            )

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn each canary's mean, and the variance of a row about it."""
        own, here = z[:, self._columns], self._observed(z, seen)
        count = np.maximum(here.sum(axis=0), 2)
        self._mean = (own * here).sum(axis=0) / count
        self._variance = np.maximum((((own - self._mean) * here) ** 2).sum(axis=0) / (count - 1), 1e-12)
        self._learnt = count
        fourth = (((own - self._mean) * here) ** 4).sum(axis=0) / count / self._variance**2
        self.nominal_scale = NOMINAL if float(fourth.max()) < 3 + LIGHT else 0.0
        # No single row counts for more than the history's worst did: bursts are for limits.
        self._most = np.maximum(CLIP * np.sqrt(self._variance), ((own - self._mean) * here).max(axis=0))
        self._spans = spans_up_to(min(LONGEST, int(z.shape[0] / self.part) // WINDOWS))
        self._wider = self._remembered(own, here)
        self.reset()

    def _remembered(self, own: Array, here: NDArray[np.bool_]) -> Array:
        """Return how much wider a window's mean spreads than independent rows would have it, shape (spans, canaries), ≥ 1."""
        away, width = np.where(here, own - self._mean, 0.0), own.shape[1]
        out = np.ones((len(self._spans), width))
        for slot, (length, means) in enumerate(Spans(self._spans, 2 * width).push(np.hstack([away, here]))):
            span = self._spans[slot]
            apart = slice(span - 1, None, span)  # windows that share no row
            rows = np.maximum(means[apart, width:] * length[apart, None], 1.0)
            squares = (means[apart, :width] * length[apart, None] / rows) ** 2 * rows
            out[slot] = np.sqrt(np.maximum(squares.mean(axis=0) / self._variance, 1.0))
        return out

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        self._past = Spans(self._spans, 2 * len(self._columns))

    @property
    def scales(self) -> int:
        """How many features are looked at: all canaries together over each window."""
        return len(self._spans)

    def _observed(self, z: Array, seen: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        return np.ones((z.shape[0], len(self._columns)), bool) if seen is None else seen[:, self._columns]

    def _rises(self, z: Array, seen: NDArray[np.bool_] | None) -> Iterator[Array]:
        """Yield, for each window, by how many standard deviations each canary is above its mean, shape (n, canaries)."""
        here = self._observed(z, seen)
        away = np.where(here, np.minimum(z[:, self._columns] - self._mean, self._most), 0.0)
        width = len(self._columns)
        for wider, (length, means) in zip(self._wider, self._past.push(np.hstack([away, here])), strict=True):
            rows = np.maximum(means[:, width:] * length[:, None], 1.0)
            total = means[:, :width] * length[:, None]
            yield np.maximum(total / rows / np.sqrt(self._variance * (1 / rows + 1 / self._learnt)) / wider, 0.0)

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,): the longest vector of rises over all windows, in standard deviations."""
        out = np.zeros(z.shape[0])
        if z.shape[0]:
            for rises in self._rises(z, seen):
                np.maximum(out, np.sqrt(np.einsum("ij,ij->i", rises, rises)), out=out)
        return out

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each canary's largest rise in the window, started afresh."""
        kept = self._past
        try:
            self.reset()
            weights = np.max([r.max(axis=0, initial=0.0) for r in self._rises(z, seen)], axis=0) ** 2
        finally:
            self._past = kept
        return shares(tuple(names[c] for c in self._columns), weights, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest rise of one canary's error rate over the longest window; the bound is the z test on all samples."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "unit of the noise", "looks at canaries only")
        rows = min(conditions.samples, LONGEST)
        if rows < 1:
            return blind(self.info, technique, "unit of the noise", "needs a row of canaries", "run canaries")
        tests = len(self._spans or spans_up_to(LONGEST))
        total = chi2_upper(conditions.false_alarm / tests, conditions.channels) ** 0.5 - z_upper(conditions.power)
        error = conditions.noise * (1 / (0.84 * rows) + 1 / LONGEST) ** 0.5
        return Power(
            technique=technique,
            smallest=total * error,
            bound=shift_bound(conditions),
            unit="unit of the noise",
            reason=f"a canary's failures over {rows:.4g} rows",
        )
