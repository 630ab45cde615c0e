"""What a device's own past says of its figures together: few that were edited, one kind that moved, all that were praised.

Statistics of one snapshot, each against its own tail over snapshots it was not fitted to:

- *edited*: ln ratio of a mixture (one figure in ten is three to six times as far off as days make it) to none, over the
  conditional residuals: what is left of each figure when the others have spoken for it, (Pz)ᵢ/√Pᵢᵢ with a covariance
  shrunk to the identity (Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4). Many small moves add up as well as one large one
  (Ingster 1997; Donoho and Jin 2004, doi:10.1214/009053604000000265);
- *moved*: the median move of the kind that moved most, in its own standard deviations;
- *praised*: lifetimes up and errors down by kind, or the other way round, added up.
"""

import math
import re

import numpy as np
from numpy.typing import NDArray

from mumetal.numerics.inclusion import Look, inclusion

Array = NDArray[np.float64]
ENOUGH = 12  # snapshots from which a device's own past is told
SEEN = 6  # values that a figure needs in them
POOLED = 10.0  # snapshots that the spread of a figure's kind counts for beside the figure's own
LEAST = 0.05  # of ln of a figure: no spread below it is believed
EMPIRICAL = 0.4  # weight of the measured covariance beside the identity
CLOSE = 0.6  # the same where it is asked which figures were edited: pairs that always agree tell most
BOUNDED = 4.0  # learnt from no farther than so many deviations …
JUDGED = 10.0  # … and judged no farther
FREEDOM = 4.0  # of the Student law of a figure's day: real ones have a kurtosis up to 30
SHARE, WIDER = 0.1, 6.0  # share of figures that an edit moves, and how much wider than days
FOLDS = 5
PULL = 0.05  # by which the level follows
FALSE_PER_WEEK = 0.1  # what one device may raise falsely …
MOST_OFTEN = 1 / 300  # … and no more often than once in so many snapshots: a dozen tell a tail badly
MOST = 48  # figures asked whether they were edited, on a device with more
SEEN_TOO = 0.25  # of the largest score: then few figures that were edited are named rather than all that moved
LIFETIME = re.compile(r".*\.(T1|T2)", re.IGNORECASE)


class JointFigures:
    """Fitted to ln of measured figures; three statistics, 1 is the limit of each.

    Args:
        logs: ln of the figures, shape (n, C), NaN where there is none; n ≥ :data:`ENOUGH`.
        kinds: Kind of each figure, such as ``"q.T1"``, length C.
        interval_s: Time between snapshots, s: the rarer they are, the lower a limit keeps false alerts rare enough.
    """

    saved = (
        "_mean",
        "_inverse",
        "_names",
        "_kind",
        "_better",
        "_known",
        "_sigma",
        "_own",
        "_z",
        "_a",
        "_core",
        "_diagonal",
        "_from",
        "_span",
    )

    def __init__(self, logs: Array, kinds: tuple[str, ...], interval_s: float) -> None:
        self._mean: Array = np.zeros(len(kinds))
        self._inverse: Array = np.empty((0, 0))
        self._names = sorted(set(kinds))
        self._kind = np.array([self._names.index(k) for k in kinds], np.int64)
        self._better = np.array([1.0 if LIFETIME.fullmatch(k) else -1.0 for k in self._names])
        held_out = np.empty((len(logs), 3))
        fold = np.arange(len(logs)) * FOLDS // len(logs)
        for f in range(FOLDS):
            self._fit(logs[fold != f])
            held_out[fold == f] = [self._statistics(row) for row in logs[fold == f]]
        self._fit(logs)
        middle = np.median(held_out, axis=0)
        above = np.array([column[column > m] - m for column, m in zip(held_out.T, middle, strict=True)], dtype=object)
        scale = np.array([float(np.mean(a)) if len(a) else 1.0 for a in above])
        scale = np.maximum(scale, 1e-3) * (1 + 1 / math.sqrt(max(1, len(logs) // 2)))
        rate = min(MOST_OFTEN, FALSE_PER_WEEK * max(interval_s, 1e-3) / 604_800.0)
        self._from, self._span = middle, scale * math.log(0.5 / rate)

    def scores(self, row: Array) -> Array:
        """Return *edited*, *moved* and *praised* of one row of logs (C,), each relative to its limit."""
        return np.asarray(np.maximum((self._statistics(row) - self._from) / self._span, 0.0), np.float64)

    def weights(self, row: Array) -> Array:
        """Return how much each figure carries of the largest score, shape (C,); the largest weight is that score."""
        scores = self.scores(row)
        z = self._deviations(row)
        which = int(scores.argmax())
        if which == 0 or scores[0] >= SEEN_TOO * scores[which]:
            carried = self._edited(z)
        else:
            medians = self._medians(z)
            sign = np.sign(medians)[self._kind]
            carried = np.maximum(z * sign, 0.0)
            if which == 1:
                carried = np.where(self._kind == int(np.abs(medians / self._own).argmax()), carried, 0.0)
        top = float(carried.max(initial=0.0))
        return np.asarray(carried / top * float(scores[which]) if top > 0 else carried, np.float64)

    def decomposed(self, row: Array) -> tuple[Array, Array]:
        """Return each figure's squared conditional residual and exact Shapley value of the joint distance, shape (C,) each."""
        z = self._deviations(row)
        pulled = self._close @ z
        return np.asarray(pulled**2 / np.diag(self._close), np.float64), np.asarray(z * pulled, np.float64)

    @property
    def _close(self) -> Array:
        """Inverse covariance by which edited figures are told, shape (C, C); made when it is first asked for."""
        if not self._inverse.size:
            self._inverse = np.asarray(np.linalg.inv(self._near(np.arange(self._z.shape[1]))), np.float64)
        return self._inverse

    def _near(self, columns: NDArray[np.int64]) -> Array:
        z = self._z[:, columns]
        return np.asarray(CLOSE * z.T @ z / len(z) + (1 - CLOSE) * np.eye(columns.size), np.float64)

    def _edited(self, z: Array) -> Array:
        """Evidence that each figure was edited, shape (C,), among those whose conditional residuals are largest."""
        residual = (self._close @ z) ** 2 / np.diag(self._close)
        columns = np.sort(np.argsort(-residual, kind="stable")[:MOST])
        out = np.zeros(z.size)
        precision = np.asarray(np.linalg.inv(self._near(columns)), np.float64)
        _, out[columns] = inclusion([Look(rows=z[None, columns], precision=precision)], self._known[columns])
        return out

    @property
    def limits(self) -> Array:
        """The three statistics at which their scores are 1, shape (3,)."""
        return np.asarray(self._from + self._span, np.float64)

    def widen(self, limits: Array) -> None:
        """Keep the limits (3,) of an earlier fit where they are wider: what passed them is missing in what this one saw."""
        self._span = np.maximum(self._span, limits - self._from)

    def follow(self, row: Array) -> None:
        """Let the level follow an ordinary row (C,) a little, and a far one no farther than a near one."""
        self._mean = self._mean + PULL * self._sigma * np.clip(self._deviations(row), -1.0, 1.0)

    def adopt(self, rows: Array) -> None:
        """Take the middle of rows (n, C) that have lasted as the new level."""
        self._mean = np.where(
            np.isfinite(rows).any(axis=0) & self._known,
            np.median(np.where(np.isfinite(rows), rows, self._mean), axis=0),
            self._mean,
        )

    def _fit(self, logs: Array) -> None:
        seen = np.isfinite(logs)
        self._known = seen.sum(axis=0) >= min(SEEN, len(logs) // 2)
        held = np.where(self._known, logs, 0.0)
        self._mean = np.nanmedian(held, axis=0)
        far = held - self._mean
        own = 1.4826 * np.nanmedian(np.abs(far), axis=0)
        n = np.isfinite(far).sum(axis=0)
        pooled = np.ones(own.size)
        for kind in range(len(self._names)):
            columns = self._kind == kind
            told = columns & self._known
            pooled[columns] = float(np.sqrt(np.median(own[told] ** 2))) if told.any() else 1.0
        self._sigma = np.maximum(np.sqrt((n * own**2 + POOLED * pooled**2) / (n + POOLED)), LEAST)
        z = np.clip(np.nan_to_num(far / self._sigma), -BOUNDED, BOUNDED)
        medians = np.array([self._medians(row) for row in z])
        self._own = np.sqrt(np.maximum((medians**2).mean(axis=0), 1e-3))
        # (a·1 + b·ZᵀZ)⁻¹ by the identity of Woodbury: as many rows as snapshots, however many figures.
        self._z, self._a = z, 1 - EMPIRICAL
        self._core = np.linalg.inv(np.eye(len(z)) * len(z) / EMPIRICAL + z @ z.T / self._a)
        self._inverse = np.empty((0, 0))
        self._diagonal = 1 / self._a - np.einsum("ij,ik,kj->j", z, self._core, z, optimize=True) / self._a**2

    def _deviations(self, row: Array) -> Array:
        far = np.where(self._known, row - self._mean, 0.0)
        return np.asarray(np.clip(np.nan_to_num(far / self._sigma), -JUDGED, JUDGED), np.float64)

    def _medians(self, z: Array) -> Array:
        told: list[Array] = [z[(self._kind == kind) & self._known] for kind in range(len(self._names))]
        return np.array([float(np.median(t)) if t.size else 0.0 for t in told], np.float64)

    def _pulled(self, z: Array) -> Array:
        """Precision times ``z`` (C,)."""
        return np.asarray(z / self._a - ((z @ self._z.T) @ self._core @ self._z) / self._a**2, np.float64)

    def _each(self, z: Array) -> Array:
        """Ln ratio of an edit to none for each conditional residual, shape (C,)."""
        left = self._pulled(z) / np.sqrt(self._diagonal)
        power = -(FREEDOM + 1) / 2
        ordinary = power * np.log1p(left**2 / FREEDOM)
        edited = power * np.log1p((left / WIDER) ** 2 / FREEDOM) - math.log(WIDER)
        return np.asarray(np.logaddexp(math.log(1 - SHARE), math.log(SHARE) + edited - ordinary), np.float64)

    def _statistics(self, row: Array) -> Array:
        z = self._deviations(row)
        own = self._medians(z) / self._own
        praised = abs(float(own @ self._better)) / math.sqrt(len(own))
        return np.array([float(self._each(z).sum()), float(np.abs(own).max()), praised])
