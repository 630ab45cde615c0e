"""Series put together and cut."""

from collections import deque
from dataclasses import replace

import numpy as np

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


class Kept:
    """The newest rows of one epoch, kept in the pieces they came in.

    Args:
        most: Rows kept at least, when so many came; older pieces are dropped.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: deque[Series] = deque()
        self._rows = 0

    def __len__(self) -> int:
        return min(self._rows, self._most)

    def add(self, rows: Series) -> None:
        """Add rows that follow the last ones."""
        if len(rows) == 0:
            return
        self._pieces.append(last(rows, self._most))
        self._rows += len(self._pieces[-1])
        while self._rows - len(self._pieces[0]) >= self._most:
            self._rows -= len(self._pieces.popleft())

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
