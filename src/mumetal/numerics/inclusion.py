"""Which few columns were changed: posterior inclusion probabilities of a sparse mixture over a Gaussian background."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SLABS = (1.0, 9.0, 100.0)  # variances that a change may add, in those of the ordinary column
SHARE = 0.15  # of columns changed, beforehand
SWEEPS, BURN = 40, 10  # of each of two chains
ASKED = 24  # columns asked, those that say most for themselves
_ADDED = np.array((0.0, *SLABS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One way to look at all columns, in units in which an ordinary column has a variance of about one.

    Args:
        rows: What was seen, shape (R, C).
        precision: Inverse covariance of an ordinary row, shape (C, C), positive definite.
        told: How many independent rows one row counts for, in (0, 1].
    """

    rows: Array
    precision: Array
    told: float = 1.0


def inclusion(
    looks: Sequence[Look], may: NDArray[np.bool_], *, share: float = SHARE, seed: int = 0
) -> tuple[Array, Array]:
    """Return how likely each column was changed, and by how much.

    A changed column has, in each look, a variance of one of ``SLABS`` (or none) added; whether it is changed is common to
    the looks. A large change corrupts what its neighbours make of one another, so each column is asked with the others
    as they are presently taken to be (George and McCulloch 1993, doi:10.1080/01621459.1993.10476353), averaged over
    Gibbs sweeps: columns that a single pass masks or swamps are told apart.

    Args:
        looks: At least one, of the same columns.
        may: Which columns may have been changed, shape (C,).
        share: Share of columns changed, beforehand, in (0, 1).
        seed: Of the sweeps.

    Returns:
        Probabilities in [0, 1], and how much it then says for a change (ln odds) times that, shape (C,) each.
    """
    rng = np.random.default_rng(seed)
    asked = _asked(looks, may)
    before = math.log(share / (1 - share))
    # From nothing changed, one column may stand in for two that agree; from all changed, it does not: the better one counts.
    chains = [_chain([_State(look, asked, start) for look in looks], before, rng) for start in (0.0, float(SLABS[-1]))]
    tops = np.array([top for _, top in chains])
    trust = np.exp(tops - tops.max())
    out = np.zeros((2, may.size))
    out[:, asked] = np.average([found for found, _ in chains], axis=0, weights=trust)
    return out[0], out[1]


def _chain(states: list["_State"], before: float, rng: np.random.Generator) -> tuple[Array, float]:
    """Sweep; return mean probabilities and evidence, shape (2, K), and the largest log posterior passed."""
    columns = states[0].columns
    found, top = np.zeros((2, columns)), -math.inf
    on = np.full(columns, bool(states[0].added.any()))
    for sweep in range(SWEEPS):
        drawn = rng.random((columns, 1 + len(states)))
        for i, draw in zip(rng.permutation(columns), drawn, strict=True):
            each = [state.evidence(i) for state in states]
            ratio = sum(r for r, _ in each)
            p = 1 / (1 + math.exp(-max(-500.0, min(500.0, before + ratio))))
            if sweep >= BURN:
                found[:, i] += p, p * max(ratio, 0.0)
            on[i] = draw[0] < p
            for state, (_, below), d in zip(states, each, draw[1:], strict=True):
                state.put(i, float(_ADDED[min(int(np.searchsorted(below, d)), len(SLABS))]) if on[i] else 0.0)
        prior = float(on.sum()) * (before - len(states) * math.log(_ADDED.size))
        top = max(top, prior + sum(state.likelihood for state in states))
    return found / (SWEEPS - BURN), top


def _asked(looks: Sequence[Look], may: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the columns that say most, alone or given all others, at most ``ASKED``."""
    alone, given = np.zeros(may.size), np.zeros(may.size)
    for look in looks:
        alone = np.maximum(alone, (look.rows**2).mean(axis=0))
        given = np.maximum(given, ((look.rows @ look.precision) ** 2).mean(axis=0) / np.diag(look.precision))
    best = np.maximum(
        *(np.argsort(np.argsort(np.where(may, e, -1.0), kind="stable"), kind="stable") for e in (alone, given))
    )
    order = np.argsort(-best, kind="stable")
    return np.sort(order[may[order]][:ASKED])


class _State:
    """One look at the columns asked, with the variances that are presently added to them."""

    def __init__(self, look: Look, asked: NDArray[np.int64], start: float) -> None:
        self._precision = look.precision[np.ix_(asked, asked)]
        self._pulled = look.rows @ look.precision[:, asked]
        self._told, self._rows = look.told, len(look.rows)
        self.columns, self.likelihood = asked.size, 0.0  # ln P(seen | added) - ln P(seen | nothing added)
        self.added = np.zeros(asked.size)
        for i in range(asked.size):
            self.put(i, start)

    def evidence(self, i: int) -> tuple[float, Array]:
        """Return ln P(seen | changed) - ln P(seen | not), and how likely the slabs are in order, added up."""
        s, y = float(self._precision[i, i]), self._pulled[:, i]
        without = 1 - self.added[i] * s  # what the column is given now is taken back first
        s, square = s / without, float(y @ y) / without**2
        wide = 1 + _ADDED * s
        each = self._told / 2 * (_ADDED / wide * square - self._rows * np.log(wide))
        top = float(each.max())
        below = np.exp(each - top).cumsum()
        return top + math.log(below[-1] / below.size), below / below[-1]

    def put(self, i: int, added: float) -> None:
        """Add so much variance to a column instead of what it had."""
        step = added - float(self.added[i])
        if step == 0:
            return
        column, y = self._precision[:, i].copy(), self._pulled[:, i].copy()
        wide = 1 + step * float(column[i])
        weight = step / wide
        self.likelihood += self._told / 2 * (weight * float(y @ y) - self._rows * math.log(wide))
        self._precision -= weight * np.outer(column, column)
        self._pulled -= weight * np.outer(y, column)
        self.added[i] = added
