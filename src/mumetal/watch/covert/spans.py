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
    """The rows, and the totals of those before them, that the longest window still needs.

    Args:
        spans: Window lengths, rows, growing.
        columns: Numbers a row.
        step: Windows of more than 16 steps begin at a multiple of so many rows, and hold up to a step more than their length:
            long ones then cost a row a step.
    """

    saved = ("_spans", "_step", "_fine", "_past", "_count", "_first", "_total", "_marks")

    def __init__(self, spans: tuple[int, ...], columns: int, step: int = 1) -> None:
        self._spans, self._step = spans, step
        self._fine = max((s for s in spans if step == 1 or s <= 16 * step), default=0)
        self._past = np.empty((0, columns))
        self._count = self._first = 0
        self._total, self._marks = np.zeros(columns), np.zeros((1, columns))  # at the end, and at row first + k·step

    def push(self, rows: Array) -> Iterator[tuple[Array, Array]]:
        """Take rows (n, columns) and yield, for each span, how many rows its windows hold (n,) and their means (n, columns).

        A window that would begin before the first row ever taken holds the rows there are.
        """
        before, count = self._past.shape[0], self._count
        if rows.shape[0] == 0:
            return
        both = np.concatenate([self._past, rows])
        sums = np.concatenate([np.zeros((1, both.shape[1])), np.cumsum(both, axis=0)])
        stop = before + 1 + np.arange(rows.shape[0])
        self._past = both[max(0, both.shape[0] - self._fine) :].copy()
        self._count = count + rows.shape[0]
        totals, marks, first = self._marked(rows, count + 1 + np.arange(rows.shape[0]))
        for span in self._spans:
            if span <= self._fine:
                start = np.maximum(stop - span, 0)
                held = (stop - start).astype(np.float64)
                yield held, (sums[stop] - sums[start]) / held[:, None]
                continue
            began = np.maximum(count - before + stop - span, 0) // self._step
            held = (count - before + stop - began * self._step).astype(np.float64)
            yield held, (totals - marks[began - first // self._step]) / held[:, None]

    def _marked(self, rows: Array, stop: NDArray[np.int64]) -> tuple[Array, Array, int]:
        """Return the total at each row, those at whole steps, and the row of the first of these; keep what is needed next."""
        longest = self._spans[-1] if self._spans else 0
        if longest <= self._fine:
            return rows, self._marks, 0
        totals = self._total + np.cumsum(rows, axis=0)
        marks, first = np.concatenate([self._marks, totals[stop % self._step == 0]]), self._first
        spare = max(0, marks.shape[0] - longest // self._step - 2)
        base = marks[spare]
        self._marks, self._total = marks[spare:] - base, totals[-1] - base
        self._first = first + spare * self._step
        return totals, marks, first
