"""Series put together and cut."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series


def joined(first: Series | None, second: Series) -> Series:
    """Return both in one; ``second`` must follow ``first`` and have the same channel map."""
    if first is None or len(first) == 0:
        return second
    return replace(
        second,
        t_ns=np.concatenate([first.t_ns, second.t_ns]),
        values=np.concatenate([first.values, second.values]),
        seq=np.concatenate([first.seq, second.seq]),
    )


def last(series: Series, rows: int) -> Series:
    """Return the last ``rows`` rows, with their own memory so that nothing large is kept alive."""
    if len(series) <= rows:
        return series
    cut = series.rows(len(series) - rows, len(series))
    return replace(cut, t_ns=cut.t_ns.copy(), values=cut.values.copy(), seq=cut.seq.copy())


def window(recent: Series | None, chunk: Series, row: int, rows: int) -> Series:
    """Return the ``rows`` rows up to one of the chunk, as many of them as there are in it and in the ``recent`` ones before."""
    out = chunk.rows(max(0, row + 1 - rows), row + 1)
    if len(out) < rows and recent is not None:
        out = last(joined(recent.between(0, int(out.t_ns[0])), out), rows)
    return out


def within(series: Series, spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Return which rows lie in one of the spans (from when until before when, ns since 1970 UTC), shape (n,)."""
    if not spans or not len(series):
        return np.zeros(len(series), bool)
    starts, stops = np.array(sorted(spans), np.int64).T
    at = np.searchsorted(starts, series.t_ns, side="right")
    return (at > 0) & (np.maximum.accumulate(stops)[at - 1] > series.t_ns)


class Kept:
    """The newest rows of one epoch, kept in the pieces they came in.

    What was left out between them is noted, so that after a restart the same rows can be taken from the store again.

    Args:
        most: Rows kept at least, when so many came; older pieces are dropped.
    """

    saved = ("_most", "_pieces", "_rows", "_since_ns", "_left_out", "_leaving", "_short")

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: deque[Series] = deque()
        self._rows = 0
        self._since_ns = -1  # the first row ever
        self._left_out: deque[tuple[int, int]] = deque()  # first and last of rows in a row that were left out
        self._leaving = False  # whether the row before was left out
        self._short = False  # whether older rows are in the store only

    def __len__(self) -> int:
        return min(self._rows, self._most)

    def add(self, rows: Series) -> None:
        """Add rows that follow the last ones."""
        if len(rows) == 0:
            return
        self._since_ns = int(rows.t_ns[0]) if self._since_ns < 0 else self._since_ns
        self._leaving = False
        self._pieces.append(last(rows, self._most))
        self._rows += len(self._pieces[-1])
        while self._rows - len(self._pieces[0]) >= self._most:
            self._rows -= len(self._pieces.popleft())

    def add_some(self, rows: Series, kept: NDArray[np.bool_]) -> None:
        """Add those of rows that follow the last ones which are ``kept``, shape (n,)."""
        leaving = self._leaving
        if kept.all():
            self.add(rows)
            return
        turns = np.diff(np.concatenate([[False], ~kept, [False]]).astype(np.int8))
        for start, stop in zip(np.flatnonzero(turns > 0), np.flatnonzero(turns < 0), strict=True):
            first = self._left_out.pop()[0] if start == 0 and leaving else int(rows.t_ns[start])
            self._left_out.append((first, int(rows.t_ns[stop - 1])))
        if kept.any():
            self.add(replace(rows, t_ns=rows.t_ns[kept], values=rows.values[kept], seq=rows.seq[kept]))
        self._leaving = not kept[-1]
        while (
            not self._short and self._pieces and self._left_out and self._left_out[0][1] < int(self._pieces[0].t_ns[0])
        ):
            self._left_out.popleft()

    def forget(self, spans: Sequence[tuple[int, int]]) -> int:
        """Drop the rows of these spans, from when until before when, ns since 1970 UTC; returns how many there were."""
        whole = self._rows
        if not spans or not self._pieces or not within(self.series(), spans).any():
            return 0
        for piece in tuple(self._pieces):
            self._pieces.popleft()
            keep = ~within(piece, spans)
            if keep.all():
                self._pieces.append(piece)
            elif keep.any():
                kept = replace(piece, t_ns=piece.t_ns[keep], values=piece.values[keep], seq=piece.seq[keep])
                self._pieces.append(kept)
        self._rows = sum(map(len, self._pieces))
        self._short = self._short and bool(self._pieces)
        return whole - self._rows

    def newest(self, rows: int) -> "Kept":
        """Return the same with its newest rows only: the others are in the store."""
        cut = Kept(self._most)
        cut.__dict__.update(self.__dict__)
        if self._rows:
            whole = last(self.series(), rows)
            cut.__dict__.update(_pieces=deque([whole]), _rows=len(whole), _left_out=self._left_out.copy())
            cut.__dict__["_short"] = self._short or len(whole) < len(self)
        return cut

    @property
    def wanting(self) -> tuple[int, int] | None:
        """From when until before when stored rows are wanting, ns since 1970 UTC; None where none are."""
        return (self._since_ns, int(self._pieces[0].t_ns[0])) if self._short else None

    def recall(self, older: Series) -> None:
        """Take stored rows that :attr:`wanting` asked for, oldest first; those that were left out are left out again."""
        if not self._short:
            return
        start_ns, stop_ns = self.wanting or (0, 0)
        older, self._short = older.between(start_ns, stop_ns), False
        kept = np.ones(len(older), bool)
        for first, final in self._left_out:
            kept[np.searchsorted(older.t_ns, first) : np.searchsorted(older.t_ns, final, side="right")] = False
        if kept.any():
            before = replace(older, t_ns=older.t_ns[kept], values=older.values[kept], seq=older.seq[kept])
            before = last(before, max(0, self._most - self._rows))
            self._pieces.appendleft(before)
            self._rows += len(before)

    def series(self) -> Series:
        """Return the newest rows in one series; there must be some."""
        pieces = list(self._pieces)
        whole = replace(
            pieces[-1],
            t_ns=np.concatenate([p.t_ns for p in pieces]),
            values=np.concatenate([p.values for p in pieces]),
            seq=np.concatenate([p.seq for p in pieces]),
        )
        return last(whole, self._most)
