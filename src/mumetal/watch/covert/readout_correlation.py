"""Readout crosstalk: errors of two qubits that rise and fall together more than they used to."""

import math
import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Standardised, shares

TECHNIQUE = "collection.readout_crosstalk"
RESIDUAL = re.compile(r"(q\d+)\.(readout_residual|readout_error|canary_error)")
MOST_QUBITS = 64
LONGEST = 2_048  # rows
SHORTEST = 32  # rows: means of fewer products have the products' long tails
CLIP = 4.0  # standard deviations: one burst over all qubits is no coupling


class ReadoutCorrelation(Standardised):
    """Correlation of each pair of qubits' readout residuals over windows that grow by √2, against the history's own.

    Step-to-step changes are compared, not levels: slow drifts are alike without being coupled. The sample correlation of
    a bivariate normal pair is the best statistic for its correlation (Fisher 1921), with standard deviation 1/√n near 0.
    """

    info = PluginInfo(
        plugin_id="watch.covert.readout_correlation",
        title="Readout residuals of qubit pairs that move together",
        reference="Fisher 1921, Metron 1:3-32 (correlation); arXiv 2405.08962 (readout crosstalk side channel)",
        techniques=(TECHNIQUE, "collection.readout_end_to_end"),
        min_history=128,
        family="covert.readout",
        needs="readout_residual, readout_error or canary_error of two qubits",
        words=Words(
            title="Readout of two qubits of {device} moves together ({channel})",
            severity=Severity.MEDIUM,
            remedy="Do not give the qubits of one readout line to two tenants; check the multiplexer's isolation.",
        ),
    )

    nominal_scale = 2.0
    accumulates = True
    _spans: tuple[int, ...] = ()

    saved = ("_columns", "_first", "_second", "_spread", "_ordinary", "_spans", "_last", "_past", "_wide", "_learnt")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether two qubits have readout residuals."""
        return len(residual_channels(history.names)) > 1

    def _choose(self, history: Series) -> None:
        self._columns = residual_channels(history.names)
        if len(self._columns) < 2:
            raise BadInputError(
                "fewer than two qubits with readout residuals",
                where=f"{history.device}/{history.stream}",
                hint="name them q0.readout_residual, q1.readout_residual, …",
            )
        self._first, self._second = np.triu_indices(len(self._columns), 1)

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn the spread of a change, and mean and spread of each pair's product."""
        self._spread = np.ones(len(self._columns))
        self._ordinary = np.zeros(self._first.size)
        self._spans = ()
        self.reset()
        steps = self._steps(z, seen)
        self._spread = np.maximum(steps.std(axis=0), 1e-6)
        products = self._products(steps / self._spread)
        self._ordinary = products.mean(axis=0)
        self._wide = np.maximum(products.std(axis=0, ddof=1), 0.5)
        # Neighbouring changes share a row, so products of white rows correlate by a quarter at lag one.
        self._learnt = products.shape[0] / 1.5
        self._spans = tuple(s for s in spans_up_to(min(LONGEST, products.shape[0])) if s >= SHORTEST)
        self.reset()

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        self._last = np.empty((0, len(self._columns)))
        self._past = Spans(self._spans, self._first.size)
        for _ in self._past.push(np.zeros((SHORTEST, self._first.size))):  # what was before counts as ordinary
            pass

    @property
    def scales(self) -> int:
        """How many features are looked at: each pair over each window."""
        return len(self._spans) * int(self._first.size)

    def _steps(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return changes from row to row, shape (n, Q), one fewer at the very start; a change that was not observed is 0."""
        own = np.where(seen[:, self._columns], z[:, self._columns], np.nan) if seen is not None else z[:, self._columns]
        rows = np.concatenate([self._last, own])
        self._last = rows[-1:].copy()
        return np.nan_to_num(np.diff(rows, axis=0), nan=0.0)

    def _products(self, steps: Array) -> Array:
        clipped = np.clip(steps, -CLIP, CLIP)
        return np.asarray(clipped[:, self._first] * clipped[:, self._second], np.float64)

    def _distances(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the largest excess of each pair over all windows, shape (n, pairs), in standard deviations."""
        steps = self._steps(z, seen)
        away = (self._products(steps / self._spread) - self._ordinary) / self._wide
        out = np.zeros(away.shape)
        for length, means in self._past.push(away):
            out = np.maximum(out, np.abs(means) / np.sqrt(1.5 / length + 1 / self._learnt)[:, None])
        return np.concatenate([np.zeros((z.shape[0] - away.shape[0], away.shape[1])), out])

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations."""
        return np.asarray(self._distances(z, seen).max(axis=1, initial=0.0), np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each pair's largest excess in the window, started afresh, half to either qubit."""
        kept = self._past, self._last
        try:
            self.reset()
            pairs = self._distances(z, seen).max(axis=0, initial=0.0) ** 2
        finally:
            self._past, self._last = kept
        weights = np.zeros(len(self._columns))
        np.add.at(weights, self._first, pairs / 2)
        np.add.at(weights, self._second, pairs / 2)
        return shares(tuple(names[c] for c in self._columns), weights, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest correlation of one pair; the bound is Fisher's z test on all samples of a pair that is known."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "correlation", "looks at readout residuals of two qubits or more")
        n = conditions.samples
        if n < self.info.min_history:
            why = f"needs {self.info.min_history} rows and had {n:g}"
            return blind(self.info, technique, "correlation", why, "record readout residuals of every qubit")
        used = min(n, LONGEST)
        pairs = max(1, conditions.channels * (conditions.channels - 1) // 2)
        tests = pairs * len(self._spans or spans_up_to(LONGEST))
        total = z_upper(conditions.false_alarm / (2 * tests)) - z_upper(conditions.power)
        best = z_upper(conditions.false_alarm) - z_upper(conditions.power)
        smallest = total * math.sqrt(1.5 / (0.84 * used) + 1.5 / LONGEST)
        return Power(
            technique=technique,
            smallest=smallest if smallest < 1 else math.inf,
            bound=math.tanh(best / math.sqrt(max(n - 3, 1))),
            unit="correlation",
            reason=f"changes of {conditions.channels} qubits over {used:g} rows, {pairs} pairs",
            advice="" if n <= used else "couplings weaker than this need longer windows than the 2,048 rows compared",
        )


def residual_channels(names: tuple[str, ...]) -> list[int]:
    """Return the columns of qubits' readout residuals, at most 64."""
    return [i for i, name in enumerate(names) if RESIDUAL.fullmatch(name)][:MOST_QUBITS]
