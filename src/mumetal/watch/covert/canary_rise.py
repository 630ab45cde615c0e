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
from mumetal.watch.covert.proportions import signed_root
from mumetal.watch.covert.references import apart, widened
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array, Standardised, shares

CANARY = re.compile(r".*canary.*error.*", re.IGNORECASE)
LONGEST = 4_096  # rows
CLIP = 6.0  # standard deviations
LIGHT = 2.0  # excess kurtosis of rows up to which means over windows are taken to be normal
NOMINAL = 3.0  # 2 for normal means; half as much again for wander, of which the history shows few stretches
WINDOWS = 2  # of the longest span that the history must hold
DOUBT = 1.15  # in squares: so much wander is easily overlooked in few windows
MOST_SHOTS = 1e6  # that a row is taken for


def canary_channels(names: tuple[str, ...]) -> list[int]:
    """Return the columns of canaries' error rates."""
    return [i for i, name in enumerate(names) if CANARY.fullmatch(name)]


class CanaryRise(Standardised):
    """Share of failed canaries against the history's, by the likelihood of proportions, all canaries together.

    What hits many canaries is seen before any of them shows it alone: a window's score is the length of the vector of rises,
    falls left out (the likelihood ratio of a mean that cannot be negative, Kudo 1963, where canaries are independent). Each rise
    is the signed root of the likelihood ratio of two proportions: it knows how skewed few failures are, as a score test (Rao
    1948) does not, and the level that its short windows ask for costs the long ones.

    The mean and its variance are used, not median and spread: canaries of few shots mostly do not fail at all, and their
    median is then 0 whatever happens; the variance says how many shots a row is worth. Rows that remember one another make a window's mean spread wider than independent
    ones would; how much is learnt for each window.
    """

    info = PluginInfo(
        plugin_id="watch.covert.canary_rise",
        title="Canaries fail more often",
        reference="Wilks 1938, doi:10.1214/aoms/1177732360; McCullagh 1983, doi:10.1214/aos/1176346056 (quasi-likelihood); Kudo 1963, doi:10.1093/biomet/50.3-4.403 (one-sided, joint)",
        techniques=("impair.crosstalk_hammering", "impair.config_edit"),
        min_history=64,
        family="level",
        needs="a canary's error rate, …canary…error…",
    )

    accumulates = True
    _spans: tuple[int, ...] = ()

    saved = ("_columns", "_most", "_mean", "_shots", "_learnt", "nominal_scale", "_spans", "_wider", "_past")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether there is a canary."""
        return bool(canary_channels(history.names))

    def _choose(self, history: Series) -> None:
        self._columns = canary_channels(history.names)
        if not self._columns:
            raise BadInputError(
                "no canary's error rate", where=f"{history.device}/{history.stream}", hint="name it q0.canary_error"
            )

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn each canary's share of failures, and how many shots a row is worth."""
        self._most = np.ones(len(self._columns))
        own, here = self._rates(z, seen)
        count = np.maximum(here.sum(axis=0), 2)
        failed = (own * here).sum(axis=0)
        self._mean = np.clip(np.where(failed > 0, failed, 0.5) / count, 1e-9, 1 - 1e-9)
        away = (own - self._mean) * here
        variance = np.maximum((away**2).sum(axis=0) / (count - 1), 1e-300)
        binomial = self._mean * (1 - self._mean)
        self._shots = np.where(failed > 0, np.minimum(binomial / variance, MOST_SHOTS), 1.0)
        self._learnt = count * self._shots
        fourth = (away**4).sum(axis=0) / count / np.maximum(variance, 1e-100) ** 2
        self.nominal_scale = NOMINAL if float(fourth.max()) < 3 + LIGHT else 0.0
        # No single row counts for more than the history's worst did: bursts are for limits.
        self._most = np.minimum(self._mean + np.maximum(CLIP * np.sqrt(variance), away.max(axis=0)), 1.0)
        self._spans = spans_up_to(min(LONGEST, int(z.shape[0] / self.part) // WINDOWS))
        self._wider = self._remembered(own - self._mean, here, binomial / self._shots)
        self.reset()

    def _remembered(self, away: Array, here: NDArray[np.bool_], variance: Array) -> Array:
        """Return how much wider a window's mean spreads than independent rows would have it, shape (spans, canaries), ≥ 1."""
        width = away.shape[1]
        windows = apart(self._spans, np.hstack([np.where(here, away, 0.0), here]))
        ratios = np.ones((len(self._spans), width))
        for slot, (span, means) in enumerate(zip(self._spans, windows, strict=True)):
            rows = np.maximum(means[:, width:] * span, 1.0)
            squares = (means[:, :width] * span / rows) ** 2 * rows
            ratios[slot] = squares.mean(axis=0) / variance if len(means) else 1.0
        return widened(self._spans, tuple(len(w) for w in windows), ratios, DOUBT)

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        self._past = Spans(self._spans, 2 * len(self._columns))

    @property
    def scales(self) -> int:
        """How many features are looked at: all canaries together over each window."""
        return len(self._spans)

    def _rates(self, z: Array, seen: NDArray[np.bool_] | None) -> tuple[Array, NDArray[np.bool_]]:
        """Return error rates as recorded, shape (n, canaries), in [0, 1], and where they were observed."""
        assert self._scale is not None
        raw = z[:, self._columns] * self._scale.scale[self._columns] + self._scale.location[self._columns]
        here = np.ones(raw.shape, bool) if seen is None else seen[:, self._columns]
        return np.clip(raw, 0.0, self._most), here

    def _rises(self, z: Array, seen: NDArray[np.bool_] | None) -> Iterator[Array]:
        """Yield, for each window, by how many standard deviations each canary is above its mean, shape (n, canaries)."""
        own, here = self._rates(z, seen)
        width = len(self._columns)
        rows = np.hstack([np.where(here, own, 0.0), here])
        for wider, (length, means) in zip(self._wider, self._past.push(rows), strict=True):
            observed = means[:, width:]
            share = np.where(observed > 0, means[:, :width] / np.maximum(observed, 1e-9), self._mean)
            shots = np.maximum(observed * length[:, None], 1.0) * self._shots
            yield np.maximum(signed_root(share, shots, self._mean, self._learnt) / wider, 0.0)

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
