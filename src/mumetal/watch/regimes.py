"""Which operating regime a row belongs to, as the device itself reports it: valves, pumps, enables, set points."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
STATES = 4  # distinct values up to which a channel reports a state and is not a measurement
FEWEST = 512  # rows of a regime from which its own tail is fitted
MOST = 8  # regimes with a tail of their own, the commonest first
LOOKED_AT = 2_048
SPARSE = -1  # the label of a state that the history held too rarely, or never


def state_columns(values: Array) -> Labels:
    """Return which columns of a history (n, C) hold at most four distinct values, shape (S,)."""
    few = values[:: max(1, len(values) // LOOKED_AT)]
    return np.array([c for c in range(values.shape[1]) if _few(few[:, c]) and _few(values[:, c])], np.int64)


def _few(column: Array) -> bool:
    return np.unique(column[np.isfinite(column)]).size <= STATES


class Regimes:
    """The states that a stream's history was long enough in; each gets thresholds of its own.

    That is Mondrian conformal prediction (Vovk, Gammerman and Shafer 2005, doi:10.1007/b106715).
    A row's regime rests on the reported states alone, so that what is measured cannot choose its own threshold; who can
    forge a state shows as a change of that channel, and reaches no laxer threshold than the device had in that state.

    Args:
        history: What is ordinary.
    """

    saved = ("_columns", "_codes")

    def __init__(self, history: Series) -> None:
        values = history.values
        self._columns: list[tuple[int, Array]] = []
        for column in state_columns(values).tolist():
            known = np.unique(values[:, column])
            if known.size >= 2 and np.isfinite(known).all():
                self._columns.append((column, known))
        self._codes = np.empty(0, np.int64)
        codes, counts = np.unique(self._code(values), return_counts=True)
        frequent = np.argsort(-counts, kind="stable")[:MOST]
        chosen = [int(codes[i]) for i in frequent if counts[i] >= FEWEST and codes[i] >= 0]
        if len(chosen) > 1 or (chosen and codes.size > 1):
            self._codes = np.array(sorted(chosen), np.int64)

    def __len__(self) -> int:
        """How many regimes have a tail of their own; 1 where the device reports no states."""
        return max(1, self._codes.size)

    @property
    def active(self) -> bool:
        """Whether the device reports states and its history was long enough in one."""
        return self._codes.size > 0

    @property
    def columns(self) -> Labels:
        """Channels that report states, shape (S,)."""
        return np.array([column for column, _ in self._columns], np.int64)

    def _code(self, values: Array) -> Labels:
        out = np.zeros(values.shape[0], np.int64)
        unknown = np.zeros(values.shape[0], bool)
        for column, known in self._columns:
            at = np.minimum(np.searchsorted(known, values[:, column]), known.size - 1)
            unknown |= known[at] != values[:, column]
            out = out * STATES + at
        return np.where(unknown, SPARSE, out)

    def labels(self, values: Array) -> Labels:
        """Return each row's regime (n,), 0 up to ``len(self)`` exclusive, or ``SPARSE``; values (n, C) in SI units."""
        if not self.active:
            return np.zeros(values.shape[0], np.int64)
        code = self._code(values)
        at = np.minimum(np.searchsorted(self._codes, code), self._codes.size - 1)
        return np.where(self._codes[at] == code, at, SPARSE)
