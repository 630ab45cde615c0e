"""Means over the last 1, 2, 3, 4, 6, 8, 11, … rows, in whatever chunks the rows come."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def spans_up_to(longest: int) -> tuple[int, ...]:
    """Return window lengths that grow by about √2, from 1 to at most ``longest``: none is more than 19% off the best."""
    lengths = {round(2 ** (k / 2)) for k in range(60)}
    return tuple(sorted(s for s in lengths if s <= max(1, longest)))


class Spans:
    """The rows that the longest window still needs.

    Args:
        spans: Window lengths, rows.
        columns: Numbers a row.
    """

    def __init__(self, spans: tuple[int, ...], columns: int) -> None:
        self._spans = spans
        self._past = np.empty((0, columns))

    def push(self, rows: Array) -> Iterator[tuple[Array, Array]]:
        """Take rows (n, columns) and yield, for each span, how many rows its windows hold (n,) and their means (n, columns).

        A window that would begin before the first row ever taken holds the rows there are.
        """
        before = self._past.shape[0]
        if rows.shape[0] == 0:
            return
        both = np.concatenate([self._past, rows])
        sums = np.concatenate([np.zeros((1, both.shape[1])), np.cumsum(both, axis=0)])
        stop = before + 1 + np.arange(rows.shape[0])
        longest = self._spans[-1] if self._spans else 0
        self._past = both[max(0, both.shape[0] - longest) :].copy()
        for span in self._spans:
            start = np.maximum(stop - span, 0)
            held = (stop - start).astype(np.float64)
            yield held, (sums[stop] - sums[start]) / held[:, None]
